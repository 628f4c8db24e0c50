"""Paths among boxes against commonroad-drivability-checker, shapely, python-fcl and coal.

Every library gives the first pose of each path that hits; the answers for free paths and for paths
at random must be the same before the free ones are timed.
"""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from lunaredge.cli.bench.contest import OURS, Contest
from lunaredge.cli.bench.paths_solids_peers import (
    Checker,
    Coal,
    Commonroad,
    Ours,
    PythonFcl,
    Shapely,
)
from lunaredge.cli.bench.paths_solids_scene import POSES, Setting, scene_of
from lunaredge.cli.bench.row import BenchOptions
from lunaredge.cli.bench.worker import Contender, cpu_us_each
from lunaredge.paths.route import Route
from lunaredge.paths.solids import check_path, first_contact, least_clearance

PATHS = 500
# A query per path, one after the other: some paths are enough, and fit in the time.
_PATHS_AT_ONCE = {"python-fcl": 10, "coal": 10}
_CALLS = 100

SETTINGS = {
    f"{PATHS} x {POSES} poses, 1,000 boxes on {side_m:g} m": Setting(1000, side_m, PATHS)
    for side_m in (400.0, 1000.0, 2000.0)
}
SHAPES = {
    f"{PATHS} x {POSES} poses of a hexagon, 1,000 boxes on 1000 m": Setting(
        1000, 1000.0, PATHS, "hexagon"
    )
}
SCALES = {
    **{
        f"{paths * POSES:,} poses, 1,000 boxes on 1000 m": Setting(1000, 1000.0, paths)
        for paths in (1, 5, 50, 500)
    },
    **{
        f"100,000 poses, {boxes:,} boxes on 1000 m": Setting(boxes, 1000.0, PATHS)
        for boxes in (10, 100, 10_000)
    },
}
CALLS: dict[str, Callable[..., object]] = {
    "call from Python, 200 poses": lambda scene, poses, _: check_path(
        scene.solids, scene.footprint, poses
    ),
    "call from Python, route of 200 knots, continuous": lambda scene, _, route: first_contact(
        scene.solids, scene.footprint, route
    ),
    "call from Python, least clearance of such a route": lambda scene, _, route: least_clearance(
        scene.solids, scene.footprint, route
    ),
}
CALL_SETTING = Setting(1000, 1000.0, _CALLS)

BOUND = (
    "Processor time of one thread; trees, boxes and transforms made before, for shapely in one row"
    " the polygons too; commonroad with the quickest of its broad phases. Ours: some 4 ns a pose in"
    " the open, bound by finding and reading one byte of the clearance; some 35 ns more where the"
    " machine is within its reach of a box, bound by the products of corners and faces"
)
CALL_BOUND = (
    "Whole call, 1,000 boxes on 1000 m. Bound by some 0.4 us for the arrays that the kernel is"
    " handed, then by the poses within reach of a box"
)


def contests(options: BenchOptions) -> list[Contest]:
    """Give what is compared; other data make no difference."""
    assert options is not None
    shapely = {"shapely": "shapely", "shapely, polygons made before": "shapely-made"}
    return [
        _paths(
            SETTINGS,
            {
                "commonroad-drivability-checker": "commonroad",
                **shapely,
                "python-fcl": "python-fcl",
                "coal": "coal",
            },
        ),
        _paths(SHAPES, shapely),
        _paths(SCALES, {}),
        Contest(
            module=__name__,
            cases=dict.fromkeys(CALLS, CALL_BOUND),
            metric="us_per_check",
            unit="us",
        ),
    ]


def _paths(settings: dict[str, Setting], peers: dict[str, str]) -> Contest:
    return Contest(
        module=__name__,
        cases=dict.fromkeys(settings, BOUND),
        metric="poses_per_s",
        unit="1/s",
        peers=peers,
        more_is_better=True,
    )


def contender(name: str) -> Contender:
    """Make a contender."""
    checkers: dict[str, Callable[..., Checker]] = {
        OURS: Ours,
        "commonroad": Commonroad,
        "shapely": Shapely,
        "shapely-made": lambda scene: Shapely(scene, made_before=True),
        "python-fcl": PythonFcl,
        "coal": Coal,
    }
    return PathChecks(checkers[name], _PATHS_AT_ONCE.get(name, PATHS))


class PathChecks:
    """The paths of a scene, checked by one library."""

    def __init__(self, checker: Callable[..., Checker], at_once: int) -> None:
        self._checker = checker
        self._at_once = at_once
        self._case = ""
        self._ready: Checker
        self._turns: Iterator[tuple[Any, int]]

    def answer(self, case: str) -> object:
        """Give the first hit of every path; of calls, how many are free."""
        if case in CALLS:
            scene = scene_of(CALL_SETTING)
            found = [CALLS[case](scene, path, Route.of_poses(path)) for path in scene.wild]
            return found.count(None)
        scene = scene_of(_setting(case))
        checker = self._made_for(case)
        return checker.query(checker.prepare(np.concatenate((scene.free, scene.wild))))

    def measure(self, case: str, duration_s: float) -> float:
        """Give free poses per second, or us per call."""
        if case in CALLS:
            return _us_per_call(CALLS[case], duration_s)
        checker = self._made_for(case)

        def check() -> int:
            prepared, count = next(self._turns)
            checker.query(prepared)
            return count

        return 1e6 / cpu_us_each(check, duration_s)

    def _made_for(self, case: str) -> Checker:
        """Give the checker of a case, made once, as are the lots of paths that it is timed with."""
        if case != self._case:
            free = scene_of(_setting(case)).free
            self._ready = self._checker(scene_of(_setting(case)))
            starts = range(0, len(free), self._at_once)
            lots = [free[start : start + self._at_once] for start in starts][:10]
            prepared = [(self._ready.prepare(lot), len(lot) * POSES) for lot in lots]
            self._turns = itertools.cycle(prepared)
            self._case = case
        return self._ready


def _setting(case: str) -> Setting:
    return (SETTINGS | SHAPES | SCALES)[case]


def _us_per_call(call: Callable[..., object], duration_s: float) -> float:
    scene = scene_of(CALL_SETTING)
    routes = [Route.of_poses(path) for path in scene.free]
    # Steps aside are sudden: between two free poses a route may meet a box all the same.
    free = [
        (path, route)
        for path, route in zip(scene.free, routes, strict=True)
        if first_contact(scene.solids, scene.footprint, route) is None
    ]

    def check_all() -> int:
        for path, route in free:
            call(scene, path, route)
        return len(free)

    return cpu_us_each(check_all, duration_s)
