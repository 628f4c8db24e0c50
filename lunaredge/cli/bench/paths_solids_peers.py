"""The peers of `paths_solids`: the same boxes, the same paths, in the form each is fastest with.

`prepare` makes what a peer needs of its own for some paths (boxes, transforms) and is not timed;
`query` gives the first pose of each path that hits, -1 = none, and is.
"""

import importlib
import math
from typing import Any, Protocol

import numpy as np

from lunaredge.cli.bench.paths_solids_scene import LENGTH_M, WIDTH_M, Scene
from lunaredge.kernels.jit import Floats
from lunaredge.paths.solids import check_poses

# As many cells along a side as its grid is fastest with, of 16 to 256.
_COMMONROAD_CELLS = 32
_HEIGHT_M = 2.0


class Checker(Protocol):
    """One library and the boxes of a scene."""

    def prepare(self, paths: Floats) -> Any:
        """Give paths, float64 (N, K, 3), as the library takes them."""
        ...

    def query(self, prepared: Any) -> list[int]:
        """Give the first pose of each path that hits; -1 = none."""
        ...


class Ours:
    """lunaredge."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    def prepare(self, paths: Floats) -> Any:
        """Give the paths as they are."""
        return np.ascontiguousarray(paths)

    def query(self, prepared: Any) -> list[int]:
        """Check all of them in one call."""
        hits: list[int] = check_poses(self._scene.solids, self._scene.footprint, prepared)[
            :, 0
        ].tolist()
        return hits


class Commonroad:
    """commonroad-drivability-checker with the quickest of its broad phases."""

    def __init__(self, scene: Scene) -> None:
        self._crcc: Any = importlib.import_module("commonroad_dc.pycrcc")
        queries = "commonroad_dc.collision.trajectory_queries.trajectory_queries"
        self._queries: Any = importlib.import_module(queries)
        self._boxes = self._crcc.ShapeGroup()
        for x, y, heading, length, width in scene.boxes.tolist():
            self._boxes.add_shape(self._crcc.RectOBB(length / 2, width / 2, heading, x, y))

    def prepare(self, paths: Floats) -> Any:
        """Give moving boxes."""
        found = []
        for path in paths.tolist():
            moving = self._crcc.TimeVariantCollisionObject(0)
            for x, y, heading in path:
                moving.append_obstacle(self._crcc.RectOBB(LENGTH_M / 2, WIDTH_M / 2, heading, x, y))
            found.append(moving)
        return found

    def query(self, prepared: Any) -> list[int]:
        """Ask for all paths at once."""
        found = self._queries.trajectories_collision_static_obstacles(
            prepared, self._boxes, method="grid", num_cells=_COMMONROAD_CELLS
        )
        return [int(step) for step in found]


class Shapely:
    """shapely's STRtree; polygons of the poses are made in every query unless made before."""

    def __init__(self, scene: Scene, *, made_before: bool = False) -> None:
        self._shapely: Any = importlib.import_module("shapely")
        self._made_before = made_before
        self._corners = np.array(scene.footprint.named[0].corners)
        rectangle = np.array([(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)])
        corners = rectangle * scene.boxes[:, None, 3:]
        self._tree = self._shapely.STRtree(self._polygons(scene.boxes[:, :3], corners))

    def prepare(self, paths: Floats) -> Any:
        """Give the poses, or their polygons."""
        poses = paths.reshape(-1, 3)
        return len(paths), self._outlines(poses) if self._made_before else poses

    def query(self, prepared: Any) -> list[int]:
        """Ask for all poses at once."""
        count, poses = prepared
        outlines = poses if self._made_before else self._outlines(poses)
        hit, _ = self._tree.query(outlines, predicate="intersects")
        paths, steps = np.divmod(hit, len(outlines) // count)
        first = np.full(count, len(outlines))
        np.minimum.at(first, paths, steps)
        found: list[int] = np.where(first < len(outlines), first, -1).tolist()
        return found

    def _outlines(self, poses: Floats) -> Any:
        return self._polygons(poses, self._corners)

    def _polygons(self, poses: Floats, corners: Floats) -> Any:
        cos, sin = np.cos(poses[:, 2, None]), np.sin(poses[:, 2, None])
        x = poses[:, 0, None] + cos * corners[..., 0] - sin * corners[..., 1]
        y = poses[:, 1, None] + sin * corners[..., 0] + cos * corners[..., 1]
        return self._shapely.polygons(np.stack((x, y), axis=-1))


class _Fcl:
    """A tree of boxes of one of the libraries that grew from FCL."""

    def __init__(self, scene: Scene, library: str) -> None:
        self._fcl: Any = importlib.import_module(library)
        self._tree = self._fcl.DynamicAABBTreeCollisionManager()
        self._boxes = [
            self._box(length, width, (x, y, heading))
            for x, y, heading, length, width in scene.boxes.tolist()
        ]
        for body in self._boxes:
            self._tree.registerObject(body)
        self._tree.setup()

    def prepare(self, paths: Floats) -> Any:
        """Give a box for every pose."""
        return [[self._box(LENGTH_M, WIDTH_M, pose) for pose in path] for path in paths.tolist()]

    def query(self, prepared: Any) -> list[int]:
        """Ask for each pose until one hits."""
        return [
            next((k for k, body in enumerate(path) if self._hits(body)), -1) for path in prepared
        ]

    def _box(self, length_m: float, width_m: float, pose: tuple[float, float, float]) -> Any:
        x, y, heading = pose
        cos, sin = math.cos(heading), math.sin(heading)
        turn = np.array(((cos, -sin, 0.0), (sin, cos, 0.0), (0.0, 0.0, 1.0)))
        return self._body((length_m, width_m, _HEIGHT_M), turn, np.array((x, y, 0.0)))

    def _body(self, size_m: tuple[float, float, float], turn: Floats, place: Floats) -> Any:
        raise NotImplementedError

    def _hits(self, body: Any) -> bool:
        raise NotImplementedError


class PythonFcl(_Fcl):
    """python-fcl."""

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene, "fcl")

    def _body(self, size_m: tuple[float, float, float], turn: Floats, place: Floats) -> Any:
        return self._fcl.CollisionObject(self._fcl.Box(*size_m), self._fcl.Transform(turn, place))

    def _hits(self, body: Any) -> bool:
        found = self._fcl.CollisionData()
        self._tree.collide(body, found, self._fcl.defaultCollisionCallback)
        return bool(found.result.is_collision)


class Coal(_Fcl):
    """coal."""

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene, "coal")
        self._found = self._fcl.CollisionCallBackDefault()

    def _body(self, size_m: tuple[float, float, float], turn: Floats, place: Floats) -> Any:
        return self._fcl.CollisionObject(self._fcl.Box(*size_m), self._fcl.Transform3s(turn, place))

    def _hits(self, body: Any) -> bool:
        self._found.init()
        self._tree.collide(body, self._found)
        return bool(self._found.data.result.isCollision())
