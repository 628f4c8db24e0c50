"""Solving: one door to the planners, for the thread that runs them beside the scheduler's core."""

from typing import assert_never

import msgspec

from lunaredge.ids import NodeId, SiteId
from lunaredge.kernels import corridors, gridpath
from lunaredge.model.site import Site, TerrainGrid, Zone, ZoneKind
from lunaredge.scheduler.arrays import assigned, points_array
from lunaredge.scheduler.effort import exhaustion, stranding
from lunaredge.scheduler.ground import GroundMap
from lunaredge.scheduler.paths import (
    Chain,
    RouteProblem,
    RouteSolution,
    check_route,
    plan_route,
    refused,
)
from lunaredge.scheduler.placement import PlacementProblem, PlacementSolution, place
from lunaredge.scheduler.travel import Mover, reachable_cost_s

Problem = RouteProblem | PlacementProblem
Solution = RouteSolution | PlacementSolution


def solve(ground: GroundMap, problem: Problem) -> Solution:
    """Solve a problem on that ground; the same input gives the same answer, bit for bit."""
    match problem:
        case RouteProblem():
            return _within_budget(ground, problem, plan_route(ground, problem))
        case PlacementProblem():
            return place(ground, problem)
        case _:
            assert_never(problem)


def _within_budget(
    ground: GroundMap, problem: RouteProblem, solution: RouteSolution
) -> RouteSolution:
    """Refuse a path from which the machine would not come home on what its battery holds.

    If that is for the way round others only, it waits for them; and if it waits too long for that,
    it must go home.
    """
    lack = exhaustion(ground, problem, solution) if solution.path else ""
    if solution.path and not lack:
        return solution
    if stranded := stranding(ground, problem):
        return refused(problem, stranded, exhausting=True)
    if not solution.path:
        return solution
    alone = plan_route(ground, msgspec.structs.replace(problem, claims=()))
    assert alone.path, "where a machine gets round others it gets through alone"
    if exhaustion(ground, problem, alone):
        return refused(problem, lack, exhausting=True)
    width_m, slope_deg = problem.half_width_m, problem.slope_deg_max
    met = check_route(ground, alone.path, width_m, slope_deg, problem.claims)
    if met is None:
        return alone
    return refused(problem, f"{met.reason}, and the way round is too long", met.owner)


def unsolved(problem: Problem) -> Solution | None:
    """Give the answer to a problem that made its planner fail: a refused route, no placement."""
    match problem:
        case RouteProblem():
            return refused(problem, "the planner failed")
        case PlacementProblem():
            return None
        case _:
            assert_never(problem)


def warm_up() -> None:
    """Compile every kernel, or load it from the cache, with the types that production uses.

    Without it the first route would wait several seconds for the compiler.
    """
    ground = GroundMap.of(_small_site())
    wall = Chain(points=((0.0, 0.0), (0.0, 12.0)), half_width_m=1.0, owner=NodeId("other"))
    problem = RouteProblem(
        version=0,
        node=NodeId("machine"),
        request_no=0,
        start=(-10.0, 0.0),
        path=((10.0, 0.0),),
        half_width_m=1.0,
        slope_deg_max=20.0,
        claims=(wall,),
    )
    solution = plan_route(ground, problem)
    assert solution.path, "the small site has a way around"
    blocked = ((0.0, 0.0), (0.0, 30.0))
    assert check_route(ground, blocked, 1.0, 20.0, ()), "the small site has a boundary"
    ground.distance_m((0.0, 0.0), ground.site.boundary)
    steep = ground.updated([(2.5, 2.5, 9.0)])
    assert check_route(steep, blocked, 1.0, 20.0, ()), "the small site has got a hill"
    mover = Mover(half_width_m=1.0, slope_deg_max=20.0, speed_m_s=1.0)
    reachable_cost_s(ground, mover, (-10.0, 0.0), [(10.0, 0.0)])
    assigned([[1.0]], [1])
    corridors.chain_distance_m(points_array(solution.path), points_array(wall.points))
    gridpath.closed_moves(ground.slopes_deg)


def _small_site() -> Site:
    """Give a flat site with one zone of every kind that is checked."""
    corners = ((-20.0, -20.0), (20.0, -20.0), (20.0, 20.0), (-20.0, 20.0))
    patch = ((-18.0, -18.0), (-15.0, -18.0), (-15.0, -15.0))
    return Site(
        name=SiteId("warm-up"),
        title="",
        boundary=corners,
        terrain=TerrainGrid(
            x_m=-25.0, y_m=-25.0, cell_m=5.0, rows=10, columns=10, heights_m=bytes(400)
        ),
        zones=(
            Zone(name="keep-out", kind=ZoneKind.KEEP_OUT, polygon=patch),
            Zone(name="slow", kind=ZoneKind.SPEED, polygon=patch, speed_m_s_max=0.5),
        ),
        regolith_kg_m3=1600.0,
    )
