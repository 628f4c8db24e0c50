"""A fleet in space and time: all against all, one against all, and how the cost grows.

The verdicts compared are those at the knots, since no peer looks between them; ours does so in rows
of its own. Everything is prepared beforehand on all sides: ours an index, which is kept up to date
reservation by reservation; the peers' a tree for every step.
"""

from collections.abc import Callable

from lunaredge.cli.bench.contest import OURS, Contest
from lunaredge.cli.bench.paths_fleet_scene import LENGTH_M, PERIOD_S, WIDTH_M, Crowd
from lunaredge.cli.bench.row import BenchOptions
from lunaredge.cli.bench.worker import Contender, cpu_us_each
from lunaredge.paths import Footprint, Route, Violation
from lunaredge.paths.fleet import Fleet, Moments, Reservation

ONES = 50
CROWDS = tuple(Crowd(200, 200, side_m) for side_m in (2000.0, 1000.0, 500.0, 250.0))
# Three decades of each, at about the same number of machines on a square kilometre.
MANY_MACHINES = tuple(
    Crowd(machines, 200, side_m)
    for machines, side_m in (
        (10, 224.0),
        (100, 707.0),
        (1000, 2236.0),
        (10_000, 7071.0),
    )
)
MANY_POSES = tuple(Crowd(200, poses, 1000.0) for poses in (10, 100, 1000, 10_000))

AT_KNOTS, ALWAYS, ONE, ONE_ALWAYS, UPDATE = (
    "all pairs at the knots",
    "all pairs, continuous",
    "one against all at the knots",
    "one against all, continuous",
    "one replaced",
)
ALL_BOUND = (
    "Who meets whom, and when first. Bound by the windows' boxes where the site is wide (13 windows"
    " of 200, 20 ns each with sorting), by the exact tests of what comes within reach where it is"
    " crowded (some 0.1 us each at a knot, 1 us for the instant of a meeting). The boxes bound the"
    " way over 16 steps, so a declared speed would tell no more. Processor time of one thread"
)
ONE_BOUND = (
    "The first meeting with any other, or none. Bound by the call from Python (3 us), the new"
    " route's own boxes (2 us) and a look at each other's root (5 ns), then by the boxes of those"
    " whose roots come near, until the first meeting. Processor time of one thread"
)
GROWTH_BOUND = "Continuous in time; no peer is. Grows with the poses, not with the pairs"
UPDATE_BOUND = "Copying one route's 200 knots and its boxes; whatever the fleet's size"
PEERS = {
    "python-fcl": "fcl",
    "python-fcl, broad phase alone": "fcl_broad",
    "coal, broad phase alone": "coal_broad",
    "shapely": "shapely",
}


def contests(options: BenchOptions) -> list[Contest]:
    """Give what is compared; other data make no difference."""
    assert options is not None
    return [
        _contest(AT_KNOTS, CROWDS, ALL_BOUND, PEERS),
        _contest(ONE, CROWDS, ONE_BOUND, PEERS),
        _contest(ALWAYS, CROWDS, ALL_BOUND, {}),
        _contest(ONE_ALWAYS, CROWDS, ONE_BOUND, {}),
        _contest(ALWAYS, MANY_MACHINES + MANY_POSES, GROWTH_BOUND, {}),
        _contest(UPDATE, (CROWDS[0], MANY_MACHINES[-1]), UPDATE_BOUND, {}),
    ]


def _contest(job: str, crowds: tuple[Crowd, ...], bound: str, peers: dict[str, str]) -> Contest:
    return Contest(
        module=__name__,
        cases={f"{job}, {crowd.name}": bound for crowd in crowds},
        metric="us_per_check" if job != UPDATE else "us_per_update",
        unit="us",
        peers=peers,
    )


def contender(name: str) -> Contender:
    """Make a contender."""
    if name == OURS:
        return OurFleet()
    from lunaredge.cli.bench import paths_fleet_peers

    return paths_fleet_peers.contender(name)


class OurFleet:
    """lunaredge's own fleet."""

    def __init__(self) -> None:
        self._case = ""
        self._fleet = Fleet()
        self._ones: list[Reservation] = []

    def answer(self, case: str) -> object:
        """Give the pairs that meet and the steps at which they do, or those of each one route."""
        self._prepare(case)
        job = _job(case)
        if job in (AT_KNOTS, ALWAYS):
            met = self._fleet.meeting_times(moments=_moments(job))
            return sorted([int(a), int(b), _step(time_s)] for (a, b), time_s in met.items())
        if job == UPDATE:
            return self._replace_all()
        verdicts = [self._check(one, job) for one in self._ones]
        return [_step(v.time_s) if isinstance(v, Violation) else -1 for v in verdicts]

    def measure(self, case: str, duration_s: float) -> float:
        """Give us per check."""
        self._prepare(case)
        return cpu_us_each(self._work(_job(case)), duration_s)

    def _work(self, job: str) -> Callable[[], int]:
        if job == UPDATE:
            return self._replace_all
        if job in (ONE, ONE_ALWAYS):
            return lambda: len([self._check(one, job) for one in self._ones])
        moments = _moments(job)
        return lambda: bool(self._fleet.meeting_times(moments=moments)) or 1

    def _check(self, one: Reservation, job: str) -> object:
        return self._fleet.check(one, range_m=0.0, moments=_moments(job))

    def _replace_all(self) -> int:
        for k, one in enumerate(self._ones):
            self._fleet.replace(str(k), one)
        return len(self._ones)

    def _prepare(self, case: str) -> None:
        if case == self._case:
            return
        crowd = Crowd.named(case)
        self._fleet = Fleet()
        for k, reservation in enumerate(_reservations(crowd)):
            self._fleet.add(str(k), reservation)
        self._ones = _reservations(Crowd(ONES, crowd.poses, crowd.side_m))
        self._case = case


def _reservations(crowd: Crowd) -> list[Reservation]:
    footprint = Footprint.rectangle(LENGTH_M, WIDTH_M)
    return [
        Reservation(footprint=footprint, route=Route.of_poses(poses, PERIOD_S))
        for poses in crowd.routes()
    ]


def _job(case: str) -> str:
    return case.rsplit(", ", 1)[0]


def _moments(job: str) -> Moments:
    return Moments.KNOTS if job in (AT_KNOTS, ONE) else Moments.ALL


def _step(time_s: float) -> int:
    """Give the step of a time; those who stand together before the first meet at the first."""
    return max(0, round(time_s / PERIOD_S)) if time_s > 0.0 else 0
