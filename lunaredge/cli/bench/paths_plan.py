"""Planning routes over 2 x 2 km of ground at 5 m: one machine among 50, and 50 together.

No library of the package index plans with a footprint's heading around timed reservations, so the
rows have no peer; they say what bounds the figure.
"""

import itertools
import math
import statistics
import time
from collections import deque
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np

from lunaredge.cli.bench.contest import ROUNDS, STATISTIC, Contest
from lunaredge.cli.bench.row import BenchOptions
from lunaredge.cli.bench.worker import Contender
from lunaredge.errors import ConfigError
from lunaredge.kernels.jit import Floats
from lunaredge.paths.fleet import Reservation
from lunaredge.paths.fleet_plan import FleetOptions, Job, plan_fleet
from lunaredge.paths.footprint import Footprint
from lunaredge.paths.grid import SiteGrid
from lunaredge.paths.machine import Drive, Machine
from lunaredge.paths.planning import planner_of
from lunaredge.paths.problem import Plan, PlanOptions, PlanRequest
from lunaredge.paths.route import Pose
from lunaredge.paths.scene import Scene
from lunaredge.runtime.files.geotiff import read_tile

SEED = 5
CELLS, CELL_M = 400, 5.0
OTHERS, PLANS = 50, 100
FRACTAL = "fractal ground"
# Reservations begin within this time, so that all are under way together.
_START_S = 300.0

ONE_BOUND = (
    "Whole answer, among 50 routes across the ground, all poses drawn anew. Bound by the costs to"
    " go from the cells around the way (some 0.2 us each), then by the states settled (some 10 us"
    " each in traffic) and the reservations' index. Processor time of one thread"
)
FLEET_BOUND = (
    "50 machines, all new routes, one after the other around those before, checked all against"
    " all. Bound by the costs to go for each of them. Processor time of one thread"
)
ONE, FLEET = "one machine among 50", "50 machines"


def contests(options: BenchOptions) -> list[Contest]:
    """Give what is measured; ``data`` is a folder of elevation tiles (GeoTIFF).

    Raises:
        ConfigError: the folder has no tiles, or one can't be read.
    """
    folder = options.data or ""
    grounds = [FRACTAL]
    if folder:
        grounds = sorted(path.name for path in Path(folder).glob("*.tif"))
        if not grounds:
            remedy = "give a folder of GeoTIFF tiles"
            raise ConfigError("no tiles", place=folder, key="--data", value=0, remedy=remedy)
    return [
        Contest(
            module=__name__,
            cases={f"plan, {job}, {ground}": bound for ground in grounds},
            metric=metric,
            unit="ms",
            data=(folder,),
            statistic=metric,
        )
        for job, metric, bound in (
            (ONE, "p50_ms", ONE_BOUND),
            (ONE, "p99_ms", ONE_BOUND),
            (FLEET, "ms", FLEET_BOUND),
        )
    ]


def contender(name: str, folder: str) -> Contender:
    """Make the only contender."""
    assert name, "there are no peers"
    return Plans(folder)


class Plans:
    """Plans made on a ground, and how long each took."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._taken_ms: dict[str, deque[float]] = {}
        self._costs: dict[str, list[float]] = {}
        self._turns: dict[str, Iterator[tuple[float, float]]] = {}

    def answer(self, case: str) -> list[float]:
        """Give the cost of each route, -1 where there is none; once for all statistics of a job."""
        of = case.partition(STATISTIC)[0]
        if of not in self._costs:
            found = list(self._all(of))
            self._taken_ms[of] = deque((time_ms for time_ms, _ in found), maxlen=len(found))
            self._costs[of] = [round(cost, 3) for _, cost in found]
        return self._costs[of]

    def measure(self, case: str, duration_s: float) -> float:
        """Give the median, or what one in a hundred exceeds, of the latest times, in ms.

        Each time a part of them is measured anew, and in all rounds together every one.
        """
        of, _, statistic = case.partition(STATISTIC)
        latest_ms = self._taken_ms[of]
        end_s = time.monotonic() + duration_s
        for count, (time_ms, _) in enumerate(self._endless(of), start=1):
            latest_ms.append(time_ms)
            if count * ROUNDS >= len(latest_ms) and time.monotonic() >= end_s:
                break
        taken_ms = sorted(latest_ms)
        if statistic == "p99_ms":
            return taken_ms[math.ceil(0.99 * len(taken_ms)) - 1]
        return statistics.median(taken_ms)

    def _endless(self, case: str) -> Iterator[tuple[float, float]]:
        if case not in self._turns:
            self._turns[case] = itertools.chain.from_iterable(
                self._all(case) for _ in itertools.repeat(None)
            )
        return self._turns[case]

    def _all(self, case: str) -> Iterator[tuple[float, float]]:
        """Plan everything once; give ms and cost of each."""
        _, job, ground = case.split(", ")
        site = site_of(self._folder, ground)
        return site.plan_fleet() if job == FLEET else site.plan_all()


class Site:
    """A ground, its traffic, and what is asked there."""

    def __init__(self, grid: SiteGrid) -> None:
        self._machine = Machine(
            footprint=Footprint.rectangle(4.0, 2.5),
            drive=Drive.SKID,
            speed_m_s_max=0.5,
            turn_rad_s_max=0.3,
            slope_along_deg_max=20.0,
            slope_across_deg_max=20.0,
        )
        self._planner = planner_of(Scene(grid=grid), self._machine, PlanOptions())
        self._dice = np.random.default_rng(SEED)
        self._open = np.argwhere(self._apart(grid))
        self._frame = grid.frame
        self._others: dict[str, Reservation] = {}
        while len(self._others) < OTHERS:
            plan = self._planner.plan(self._request())
            if isinstance(plan, Plan):
                reservation = Reservation(footprint=self._machine.footprint, route=plan.route)
                self._others[f"{len(self._others)}"] = reservation
        self._requests = [self._request() for _ in range(PLANS)]
        self._jobs = self._drawn_jobs()

    def plan_all(self) -> Iterator[tuple[float, float]]:
        """Plan every request; give ms and cost of each."""
        for request in self._requests:
            start_s = time.process_time()
            plan = self._planner.plan(request)
            taken_ms = (time.process_time() - start_s) * 1e3
            yield taken_ms, plan.cost if isinstance(plan, Plan) else -1.0

    def plan_fleet(self) -> Iterator[tuple[float, float]]:
        """Plan all machines together; give ms and cost."""
        start_s = time.process_time()
        plan = plan_fleet(self._jobs, {}, 0.0, FleetOptions(rounds_max=0))
        yield (time.process_time() - start_s) * 1e3, plan.cost

    def _apart(self, grid: SiteGrid) -> Floats:
        """Mark gentle ground, where a machine may start."""
        return (grid.slope_deg < 12.0).astype(np.float64)

    def _pose(self) -> Pose:
        row, column = self._open[self._dice.integers(len(self._open))]
        x_m, y_m, cell_m = self._frame
        across, up, turn = self._dice.random(3)
        return Pose(
            float(x_m + (column + across) * cell_m),
            float(y_m + (row + up) * cell_m),
            float(turn * math.tau),
        )

    def _request(self) -> PlanRequest:
        return PlanRequest(
            start=self._pose(),
            goal=self._pose(),
            start_s=float(self._dice.uniform(0.0, _START_S)),
            reservations=dict(self._others),
        )

    def _drawn_jobs(self) -> list[Job]:
        """Draw machines that are apart from each other and have ways, each by itself."""
        jobs: list[Job] = []
        while len(jobs) < OTHERS:
            start, goal = self._pose(), self._pose()
            apart_m = (
                math.dist(pose[:2], other[:2])
                for job in jobs
                for pose, other in ((start, job.start), (goal, job.goal))
            )
            alone = self._planner.plan(PlanRequest(start=start, goal=goal))
            if min(apart_m, default=math.inf) > 20.0 and isinstance(alone, Plan):
                name = f"{len(jobs)}"
                jobs.append(Job(name=name, planner=self._planner, start=start, goal=goal))
        return jobs


@cache
def site_of(folder: str, ground: str) -> Site:
    """Make a site once for each process."""
    if folder:
        tile = read_tile(Path(folder) / ground)
        return Site(SiteGrid.of_heights(tile.heights_m[::-1], tile.pixel_m))
    return Site(SiteGrid.of_heights(fractal(CELLS, CELL_M), CELL_M))


def fractal(count: int, cell_m: float) -> Floats:
    """Draw heights whose spectrum falls as natural ground's does; float64 (count, count), m.

    The power falls with the fourth power of the frequency, a fractal dimension of 2 (Voss 1985);
    heights are scaled to a median slope of 6 degrees.
    """
    dice = np.random.default_rng(SEED)
    rows, columns = np.fft.fftfreq(count)[:, None], np.fft.rfftfreq(count)[None, :]
    frequency = np.hypot(rows, columns)
    frequency[0, 0] = np.inf
    noise = np.fft.rfft2(dice.normal(size=(count, count)))
    heights: Floats = np.fft.irfft2(noise / frequency**2, (count, count))
    slopes = np.hypot(*np.gradient(heights, cell_m))
    return heights * (math.tan(math.radians(6.0)) / float(np.median(slopes)))
