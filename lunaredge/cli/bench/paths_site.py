"""The scheduler's part of `lunaredge bench paths`: corridors checked and planned on a site."""

import math
import random
import statistics
import time
from pathlib import Path

from lunaredge.cli.bench.contest import OURS, Contest
from lunaredge.cli.bench.paths_scene import (
    ROUTE_STEP_M,
    SEED,
    Scene,
    check_case,
    claim_count,
    draw_claims,
    load_scene,
    walk,
)
from lunaredge.cli.bench.row import BenchOptions
from lunaredge.cli.bench.worker import Contender, cpu_us_each
from lunaredge.examples import demo_site
from lunaredge.ids import NodeId
from lunaredge.model.site import Point
from lunaredge.scheduler.paths import (
    Corridor,
    RouteProblem,
    Violation,
    ViolationKind,
    plan_route,
)

PLANS = 100
CLAIMS = (8, 64, 512)
PLAN_CLAIMS = 8

CHECK_BOUND = (
    "Exact, prepared beforehand on both sides; ours also says where and against what. What stands"
    " is asked of solids and cells, 4 us; the rest is Python around them, and every claim against"
    " every segment (x86-64, 2026-11). Processor time of one thread"
)
PLAN_BOUND = (
    "Whole answer, between free places drawn over the site: most see each other, the others need"
    " the lattice. Bound by copying and searching it: cells, not machines. No peer does this job"
)


def contests(options: BenchOptions) -> list[Contest]:
    """Give what is compared. ``data`` is a folder with another site.toml and fleet.toml."""
    folder = options.data or str(demo_site())
    # Here first: what is wrong with the files is the caller's to hear, not a contender's failure.
    load_scene(Path(folder))
    checks = Contest(
        module=__name__,
        cases={check_case(count): CHECK_BOUND for count in CLAIMS},
        metric="us_per_check",
        unit="us",
        peers={"shapely": "shapely"},
        data=(folder,),
    )
    plans = [
        Contest(
            module=__name__,
            cases={f"plan, {PLAN_CLAIMS} claims": PLAN_BOUND},
            metric=metric,
            unit="ms",
            data=(folder,),
            statistic=metric,
        )
        for metric in ("p50_ms", "p99_ms")
    ]
    return [checks, *plans]


def contender(name: str, folder: str) -> Contender:
    """Make a contender."""
    scene = load_scene(Path(folder))
    if name == OURS:
        return OurPaths(scene)
    from lunaredge.cli.bench.paths_shapely import ShapelyPaths

    return ShapelyPaths(scene)


class OurPaths:
    """lunaredge's own checks and plans."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._corridors: dict[str, Corridor] = {}

    def answer(self, case: str) -> object:
        """Give the verdict on every route: what is against it, the ground or a claim."""
        if case.startswith("plan"):
            return len(self._plan_ms(case, 0.0))
        violations = [self._corridor(case).violation(route) for route in self._scene.routes]
        return [_of_what_sort(violation) for violation in violations]

    def measure(self, case: str, duration_s: float) -> float:
        """Give us per check, or ms per plan."""
        if not case.startswith("plan"):
            corridor, routes = self._corridor(case), self._scene.routes
            return cpu_us_each(lambda: _check_all(corridor, routes), duration_s)
        taken_ms = self._plan_ms(case, duration_s)
        if case.endswith("p50_ms"):
            return statistics.median(taken_ms)
        return sorted(taken_ms)[math.ceil(0.99 * len(taken_ms)) - 1]

    def _corridor(self, case: str) -> Corridor:
        if case not in self._corridors:
            scene = self._scene
            claims = draw_claims(scene, claim_count(case))
            self._corridors[case] = Corridor(
                scene.ground, scene.half_width_m, scene.slope_deg_max, claims
            )
        return self._corridors[case]

    def _plan_ms(self, case: str, duration_s: float) -> list[float]:
        """Plan between free places for so long, all of them once at least; give the times."""
        problems = self._problems(claim_count(case))
        taken_ms: list[float] = []
        end_s = time.monotonic() + duration_s
        while not taken_ms or time.monotonic() < end_s:
            for problem in problems:
                start_s = time.process_time()
                plan_route(self._scene.ground, problem)
                taken_ms.append((time.process_time() - start_s) * 1e3)
        return taken_ms

    def _problems(self, count: int) -> list[RouteProblem]:
        scene = self._scene
        claims = draw_claims(scene, count)
        corridor = Corridor(scene.ground, scene.half_width_m, scene.slope_deg_max, claims)
        dice = random.Random(f"{SEED}/plans")
        places: list[Point] = []
        while len(places) < 2 * PLANS:
            place = walk(dice, scene.ground, ROUTE_STEP_M)[0]
            if corridor.violation((place,)) is None:
                places.append(place)
        return [
            RouteProblem(
                version=0,
                node=NodeId("machine"),
                request_no=k,
                start=places[2 * k],
                path=(places[2 * k + 1],),
                half_width_m=scene.half_width_m,
                slope_deg_max=scene.slope_deg_max,
                claims=claims,
            )
            for k in range(PLANS)
        ]


def _of_what_sort(violation: Violation | None) -> str:
    if violation is None:
        return ""
    return "claim" if violation.kind is ViolationKind.CLAIM else "ground"


def _check_all(corridor: Corridor, routes: tuple[tuple[Point, ...], ...]) -> int:
    for route in routes:
        corridor.violation(route)
    return len(routes)
