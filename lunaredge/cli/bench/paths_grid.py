"""The job of `bench paths` on a grid: poses of a 4 x 2.5 m machine against 1,024 x 1,024 cells."""

import numpy as np

from lunaredge.cli.bench.contest import OURS, Contest
from lunaredge.cli.bench.paths_grid_scene import FRAME, LENGTH_M, WIDTH_M, draw_scene
from lunaredge.cli.bench.row import BenchOptions
from lunaredge.cli.bench.worker import Contender, cpu_us_each
from lunaredge.paths import Footprint
from lunaredge.paths.occupancy import Occupancy

_BOUND = (
    "Free poses on cells of 0.5 m, verdicts exact on both sides, prepared beforehand. Bound by"
    " instructions: 3 ns a pose for one byte, 24 bytes read; some 2 to 6 % go on to the covering"
    " discs, 20 ns; 1 to 2.5 % to the cells under the outline, 150 ns. Processor time of one"
    " thread. scipy looks up three discs for each pose; in tiers it looks at the middle first"
)
_COUNT_BOUND = "The same; a call costs 2 us by itself, which counts under 1,000 poses"
_GROUNDS = ("rocks 2 %", "rocks 10 %", "slopes", "10 rocks", "100 rocks", "1000 rocks")
_COUNTS = (100, 1_000, 10_000)


def contests(options: BenchOptions) -> list[Contest]:
    """Give the contest; it draws its own scenes, whatever data the options name."""
    cases = dict.fromkeys(_GROUNDS, _BOUND)
    cases |= {f"rocks 2 %, {count} poses": _COUNT_BOUND for count in _COUNTS}
    return [
        Contest(
            module=__name__,
            cases=cases,
            metric="million_poses_per_s",
            unit="M/s",
            peers={"scipy": "discs", "scipy in tiers": "tiers"},
            more_is_better=True,
        )
    ]


def contender(name: str) -> Contender:
    """Make a contender."""
    if name == OURS:
        return OurGrid()
    from lunaredge.cli.bench.paths_grid_scipy import ScipyGrid

    return ScipyGrid(is_tiered=name == "tiers")


class OurGrid:
    """lunaredge's own check."""

    def __init__(self) -> None:
        self._footprint = Footprint.rectangle(LENGTH_M, WIDTH_M)
        self._grids: dict[str, Occupancy] = {}

    def answer(self, case: str) -> object:
        """Give the verdicts as bits, of the free poses and of the strayed ones."""
        scene, grid = draw_scene(case), self._grid(case)
        return [
            np.packbits(grid.check_poses(self._footprint, poses)).tobytes().hex()
            for poses in (scene.poses, scene.strayed)
        ]

    def measure(self, case: str, duration_s: float) -> float:
        """Give a million poses per second."""
        grid, poses = self._grid(case), draw_scene(case).poses
        return 1.0 / cpu_us_each(lambda: len(grid.check_poses(self._footprint, poses)), duration_s)

    def _grid(self, case: str) -> Occupancy:
        if case not in self._grids:
            self._grids[case] = Occupancy(draw_scene(case).closed, FRAME)
        return self._grids[case]
