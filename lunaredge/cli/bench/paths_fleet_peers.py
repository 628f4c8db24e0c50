"""The peers of the fleet's contests, each as its documentation advises.

Every step has a tree of its own, made beforehand; only the questions are timed. Trees of boxes in
space can't be asked for the time between two steps. For a broad phase alone the exact test is left
out of what is timed: that is C++ with next to no Python.
"""

import importlib
import math
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

from lunaredge.cli.bench.paths_fleet_scene import LENGTH_M, REACH_M, WIDTH_M, Crowd
from lunaredge.cli.bench.worker import Contender, cpu_us_each
from lunaredge.kernels.jit import Floats

# The plane in the peers' space.
HEIGHT_M = 1.0
ONES = 50
PAIRS_MAX = 1000


def contender(name: str) -> Contender:
    """Make a contender. The libraries are loaded by name and typed Any: they may be missing."""
    kind, _, phase = name.partition("_")
    trees = {"fcl": FclTrees, "coal": CoalTrees, "shapely": ShapelyTrees}[kind]
    return PeerFleet(trees, is_exact=phase != "broad")


class PeerFleet:
    """A contender with a tree for each step."""

    def __init__(self, trees: Callable[[Floats], "Trees"], *, is_exact: bool) -> None:
        self._trees_of = trees
        self._is_exact = is_exact
        self._case = ""
        self._trees: Trees
        self._ones: list[list[Any]] = []
        # Missing is said now, not in the middle of a case.
        trees(Crowd(1, 2, 1.0).routes())

    def answer(self, case: str) -> object:
        """Give the pairs that meet and the steps at which they do, or those of each one route."""
        self._prepare(case)
        if self._ones:
            return [self._trees.first_step(bodies, is_exact=True) for bodies in self._ones]
        first: dict[tuple[int, int], int] = {}
        for step, a, b in self._trees.pairs():
            first.setdefault((min(a, b), max(a, b)), step)
        return sorted([a, b, step] for (a, b), step in first.items())

    def measure(self, case: str, duration_s: float) -> float:
        """Give us per check."""
        self._prepare(case)
        return cpu_us_each(self._check_all, duration_s)

    def _check_all(self) -> int:
        for bodies in self._ones:
            self._trees.first_step(bodies, is_exact=self._is_exact)
        if not self._ones:
            self._trees.ask(is_exact=self._is_exact)
        return max(1, len(self._ones))

    def _prepare(self, case: str) -> None:
        if case == self._case:
            return
        crowd = Crowd.named(case)
        self._trees = self._trees_of(crowd.routes())
        ones = Crowd(ONES, crowd.poses, crowd.side_m).routes() if case.startswith("one") else ()
        self._ones = [self._trees.bodies(route) for route in ones]
        self._case = case


class Trees:
    """What a peer has: the bodies of each step, and a tree over them."""

    def bodies(self, route: Floats) -> list[Any]:
        """Give a body for each pose of a route, float64 (K, 3)."""
        raise NotImplementedError

    def pairs(self) -> Iterator[tuple[int, int, int]]:
        """Give each step, in order, with the pairs that meet then."""
        raise NotImplementedError

    def ask(self, *, is_exact: bool) -> None:
        """Find all pairs of all steps, those of boxes only where it need not be exact."""
        raise NotImplementedError

    def first_step(self, bodies: list[Any], *, is_exact: bool) -> int:
        """Give the first step at which one route meets anything; -1 for none."""
        raise NotImplementedError


class FclTrees(Trees):
    """python-fcl's dynamic trees of boxes."""

    def __init__(self, routes: Floats) -> None:
        self._fcl: Any = importlib.import_module("fcl")
        self._request = self._fcl.CollisionRequest()
        self._box = self._fcl.Box(LENGTH_M, WIDTH_M, HEIGHT_M)
        self._steps = []
        for step in range(routes.shape[1]):
            bodies = self.bodies(routes[:, step])
            tree = self._fcl.DynamicAABBTreeCollisionManager()
            tree.registerObjects(bodies)
            tree.setup()
            self._steps.append((tree, bodies))

    def bodies(self, route: Floats) -> list[Any]:
        """Give a body for each pose."""
        fcl = self._fcl
        return [
            fcl.CollisionObject(self._box, fcl.Transform(_turn(heading), _place(x, y)))
            for x, y, heading in route.tolist()
        ]

    def pairs(self) -> Iterator[tuple[int, int, int]]:
        """Give the pairs of each step."""
        for step, (tree, bodies) in enumerate(self._steps):
            # The callback is given copies; where a body is tells which it is.
            places = {tuple(body.getTranslation()): k for k, body in enumerate(bodies)}
            found: list[tuple[Any, Any]] = []
            tree.collide(found, self._exactly)
            for a, b in found:
                yield step, places[tuple(a.getTranslation())], places[tuple(b.getTranslation())]

    def ask(self, *, is_exact: bool) -> None:
        """Find all pairs of all steps."""
        callback = self._exactly if is_exact else _never
        for tree, _ in self._steps:
            tree.collide([], callback)

    def first_step(self, bodies: list[Any], *, is_exact: bool) -> int:
        """Give the first step at which one route meets anything."""
        callback = self._exactly if is_exact else _never
        for step, (body, (tree, _)) in enumerate(zip(bodies, self._steps, strict=True)):
            found: list[Any] = []
            tree.collide(body, found, callback)
            if found:
                return step
        return -1

    def _exactly(self, a: Any, b: Any, found: list[Any]) -> bool:
        if self._fcl.collide(a, b, self._request, self._fcl.CollisionResult()):
            found.append((a, b))
        return False


class CoalTrees(Trees):
    """coal's dynamic trees of boxes, with its own callback in C++."""

    def __init__(self, routes: Floats) -> None:
        self._coal: Any = importlib.import_module("coal")
        self._box = self._coal.Box(LENGTH_M, WIDTH_M, HEIGHT_M)
        self._places = routes[:, :, :2]
        self._steps = []
        for step in range(routes.shape[1]):
            bodies = self.bodies(routes[:, step])
            tree = self._coal.DynamicAABBTreeCollisionManager()
            for body in bodies:
                tree.registerObject(body)
            tree.setup()
            self._steps.append((tree, bodies))

    def bodies(self, route: Floats) -> list[Any]:
        """Give a body for each pose."""
        coal = self._coal
        return [
            coal.CollisionObject(self._box, coal.Transform3s(_turn(heading), _place(x, y)))
            for x, y, heading in route.tolist()
        ]

    def pairs(self) -> Iterator[tuple[int, int, int]]:
        """Give the pairs of each step; from Python its trees say only how many pairs of boxes."""
        for step, (_, bodies) in enumerate(self._steps):
            for a, body in enumerate(bodies):
                for b in self._near(step, self._places[a, step]):
                    if a < b and self._meet(body, bodies[b]):
                        yield step, a, b

    def ask(self, *, is_exact: bool) -> None:
        """Find all pairs of boxes of all steps."""
        assert not is_exact, "only its broad phase is timed"
        for tree, _ in self._steps:
            tree.collide(self._coal.CollisionCallBackCollect(PAIRS_MAX))

    def first_step(self, bodies: list[Any], *, is_exact: bool) -> int:
        """Give the first step at which one route meets anything."""
        for step, (body, (tree, others)) in enumerate(zip(bodies, self._steps, strict=True)):
            if not is_exact:
                tree.collide(body, self._coal.CollisionCallBackCollect(PAIRS_MAX))
                continue
            near = self._near(step, body.getTranslation()[:2])
            if any(self._meet(body, others[other]) for other in near):
                return step
        return -1

    def _near(self, step: int, place: Floats) -> list[int]:
        """Give who is within reach; for the answers, which are not timed."""
        away = abs(self._places[:, step] - place).max(axis=1)
        near: list[int] = (away <= 2.0 * REACH_M).nonzero()[0].tolist()
        return near

    def _meet(self, a: Any, b: Any) -> bool:
        request, result = self._coal.CollisionRequest(), self._coal.CollisionResult()
        return bool(self._coal.collide(a, b, request, result))


class ShapelyTrees(Trees):
    """A packed tree of shapely's for each step, asked with its exact predicate."""

    def __init__(self, routes: Floats) -> None:
        self._shapely: Any = importlib.import_module("shapely")
        self._steps = []
        for step in range(routes.shape[1]):
            bodies = self.bodies(routes[:, step])
            self._shapely.prepare(bodies)
            self._steps.append((self._shapely.STRtree(bodies), bodies))

    @cached_property
    def _numpy(self) -> Any:
        return importlib.import_module("numpy")

    def bodies(self, route: Floats) -> Any:
        """Give a body for each pose."""
        x, y, heading = route.T[:, :, None]
        cos, sin = self._numpy.cos(heading), self._numpy.sin(heading)
        along = self._numpy.array((-0.5, 0.5, 0.5, -0.5)) * LENGTH_M
        across = self._numpy.array((-0.5, -0.5, 0.5, 0.5)) * WIDTH_M
        corners = (x + cos * along - sin * across, y + sin * along + cos * across)
        return self._shapely.polygons(self._numpy.stack(corners, axis=-1))

    def pairs(self) -> Iterator[tuple[int, int, int]]:
        """Give the pairs of each step."""
        for step, (tree, bodies) in enumerate(self._steps):
            a, b = tree.query(bodies, predicate="intersects")
            for pair in zip(a[a < b].tolist(), b[a < b].tolist(), strict=True):
                yield step, *pair

    def ask(self, *, is_exact: bool) -> None:
        """Find all pairs of all steps."""
        for tree, bodies in self._steps:
            tree.query(bodies, predicate="intersects" if is_exact else None)

    def first_step(self, bodies: list[Any], *, is_exact: bool) -> int:
        """Give the first step at which one route meets anything."""
        for step, (body, (tree, _)) in enumerate(zip(bodies, self._steps, strict=True)):
            if tree.query(body, predicate="intersects" if is_exact else None).size and is_exact:
                return step
        return -1


def _never(_a: Any, _b: Any, _found: Any) -> bool:
    return False


def _turn(heading_rad: float) -> Any:
    numpy = importlib.import_module("numpy")
    cos, sin = math.cos(heading_rad), math.sin(heading_rad)
    return numpy.array(((cos, -sin, 0.0), (sin, cos, 0.0), (0.0, 0.0, 1.0)))


def _place(x_m: float, y_m: float) -> Any:
    numpy = importlib.import_module("numpy")
    return numpy.array((x_m, y_m, 0.0))
