"""Solving: one door to the planners, for the thread that runs them beside the scheduler's core."""

from itertools import islice
from typing import assert_never

import msgspec

from lunaredge.ids import NodeId, SiteId, TaskId
from lunaredge.kernels import corridors, gridpath
from lunaredge.model.fleet import MachineSpec, NodeSpec
from lunaredge.model.site import Site, TerrainGrid, Zone, ZoneKind
from lunaredge.model.task import Task, TaskKind
from lunaredge.scheduler.arrays import points_array
from lunaredge.scheduler.candidates import (
    NodeCandidate,
    PlacementProblem,
    PlacementSolution,
    Planned,
    TaskCandidate,
)
from lunaredge.scheduler.effort import bars_return, exhaustion, stranding
from lunaredge.scheduler.ground import GroundMap
from lunaredge.scheduler.paths import (
    Chain,
    Corridor,
    RouteProblem,
    RouteSolution,
    check_route,
    closers,
    length_m,
    plan_route,
    refused,
    way_alone,
)
from lunaredge.scheduler.placement import place
from lunaredge.scheduler.travel import Mover, reachable_cost_s
from lunaredge.scheduler.way_out import ways_out

Problem = RouteProblem | PlacementProblem
Solution = RouteSolution | PlacementSolution


# Ends of ways out of a closed zone from which the rest is tried.
WAYS_OUT_MAX = 4


def solve(ground: GroundMap, problem: Problem) -> Solution:
    """Solve a problem on that ground; the same input gives the same answer, bit for bit."""
    match problem:
        case RouteProblem():
            return _led_out(ground, problem) if problem.left else _routed(ground, problem)
        case PlacementProblem():
            return place(ground, problem)
        case _:
            assert_never(problem)


def _led_out(ground: GroundMap, problem: RouteProblem) -> RouteSolution:
    """Lead a machine out of the zones that it is to leave, and then on around them."""
    corridor = Corridor(ground, problem.half_width_m, problem.slope_deg_max, problem.claims)
    if stands := corridor.violation((problem.start,)):
        return refused(problem, f"{stands.reason} at the start", stands.owner)
    claims = (*problem.claims, *problem.left)
    refusal = refused(problem, f"no way out of {', '.join(zone.zone for zone in problem.left)}")
    for out in islice(ways_out(ground, problem), WAYS_OUT_MAX):
        onward = msgspec.structs.replace(problem, start=out[-1], claims=claims, left=())
        solution, out_m = _routed(ground, onward), length_m(out)
        if solution.path:
            return msgspec.structs.replace(
                solution,
                path=(*out, *solution.path[1:]),
                tool_from_m=out_m + solution.tool_from_m,
                left=problem.left,
                with_care=problem.with_care,
                out_m=out_m,
            )
        refusal = solution
    return refusal


def _routed(ground: GroundMap, problem: RouteProblem) -> RouteSolution:
    planned = plan_route(ground, problem)
    solution = _within_budget(ground, problem, planned)
    if solution.path:
        no_return = bars_return(ground, problem, solution)
        return msgspec.structs.replace(solution, no_return=no_return)
    if planned.path or solution.exhausting:
        return solution
    if solution.blocked_by is None:
        return msgspec.structs.replace(solution, closed_by=closers(ground, problem))
    return msgspec.structs.replace(
        solution,
        closed_by=closers(ground, problem),
        way=way_alone(ground, problem) + problem.path[1:],
    )


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

    Without it the first route and the first plan would wait for the compiler.
    """
    warm_up_routes()
    place(GroundMap.of(_small_site()), _small_problem())


def warm_up_routes() -> None:
    """Do that for all but the planner of tasks."""
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
    corridors.chain_distance_m(points_array(solution.path), points_array(wall.points))
    gridpath.closed_moves(ground.slopes_deg)


def _small_problem() -> PlacementProblem:
    """Give two trips of one machine, so that one is planned behind the other."""
    spec = MachineSpec(
        length_m=1.0,
        width_m=1.0,
        mass_kg=50.0,
        speed_m_s_max=1.0,
        turn_deg_s=10.0,
        deceleration_m_s2=0.3,
        slope_deg_max=20.0,
        payload_kg_max=0.0,
        battery_wh=500.0,
        reserve_wh=100.0,
        idle_w=10.0,
        drive_w=50.0,
        charge_w=100.0,
        tool_width_m=0.0,
        work_speed_m_s=0.0,
        dig_kg_s=0.0,
        load_kg_s=0.0,
        dig_wh_kg=0.0,
    )
    name = NodeId("machine")
    node = NodeSpec(name=name, kind="machine", capabilities=(), machine=spec, home=(-10.0, 0.0))
    stands = {TaskId("one"): (10.0, 0.0), TaskId("two"): (10.0, 5.0)}
    return PlacementProblem(
        version=0,
        tasks=tuple(
            TaskCandidate(task=Task(id=task, kind=TaskKind.PARK, stand=stand))
            for task, stand in stands.items()
        ),
        nodes=(
            NodeCandidate(
                spec=node, free_slots=1, position=(-10.0, 0.0), battery_wh=400.0, present=True
            ),
        ),
        before=(
            Planned(task=TaskId("one"), node=name, leave_ns=0, start_ns=0, end_ns=1, energy_wh=0.0),
        ),
    )


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
