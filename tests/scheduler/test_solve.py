"""The door to the planners, and warming up behind it."""

import importlib
import pkgutil
import re

import msgspec
import numba
import pytest

import lunaredge.kernels
from lunaredge.model.fleet import Capability
from lunaredge.model.site import ZoneKind
from lunaredge.model.task import TaskKind
from lunaredge.scheduler import effort as efforts_room
from lunaredge.scheduler.candidates import NodeCandidate, PlacementProblem, TaskCandidate
from lunaredge.scheduler.effort import Standing, efforts
from lunaredge.scheduler.ground import GroundMap
from lunaredge.scheduler.legs import legs_for
from lunaredge.scheduler.paths import Budget, plan_route
from lunaredge.scheduler.placement import place
from lunaredge.scheduler.solve import solve, unsolved, warm_up
from tests.scheduler import sites

SITE = sites.site(
    sites.zone("pad", sites.box(20.0, 20.0, 40.0, 30.0)),
    sites.zone("crater", sites.box(-20.0, -40.0, 0.0, 40.0), ZoneKind.KEEP_OUT),
    sites.zone("slow", sites.box(50.0, -40.0, 60.0, 40.0), ZoneKind.SPEED),
)
ROUTE = sites.route((-50.0, 0.0), (50.0, 0.0), claims=(sites.disc("hauler-1", 30.0, 0.0),))
PLACEMENT = PlacementProblem(
    version=1,
    tasks=(TaskCandidate(task=sites.task("level", TaskKind.GRADE, zone="pad")),),
    nodes=(
        NodeCandidate(
            spec=sites.node("dozer-1", Capability.GRADE),
            free_slots=1,
            position=(70.0, 0.0),
            battery_wh=2000.0,
            present=True,
        ),
    ),
)


def kernels():
    """Give every compiled function by its name, and whether Python calls it."""
    modules = [
        importlib.import_module(f"lunaredge.kernels.{info.name}")
        for info in pkgutil.iter_modules(lunaredge.kernels.__path__)
    ]
    return {
        f"{module.__name__}.{name}": (value, hasattr(module, name[1:]) or name == "_search")
        for module in modules
        for name, value in vars(module).items()
        if isinstance(value, numba.core.registry.CPUDispatcher)
    }


def signatures():
    return {name: len(kernel.signatures) for name, (kernel, called) in kernels().items() if called}


def test_each_problem_goes_to_its_planner():
    ground = GroundMap.of(SITE)

    assert solve(ground, ROUTE) == plan_route(ground, ROUTE)
    assert solve(ground, PLACEMENT) == place(ground, PLACEMENT)


def test_a_problem_that_made_its_planner_fail_is_answered_and_nobody_blamed():
    answer = unsolved(ROUTE)

    assert (answer.request_no, answer.path, answer.blocked_by) == (ROUTE.request_no, (), None)
    assert answer.reason == "the planner failed"
    assert unsolved(PLACEMENT) is None


@pytest.mark.parametrize("problem", [ROUTE, PLACEMENT])
def test_the_same_problem_has_the_same_answer_whatever_was_solved_before(problem):
    used, fresh = GroundMap.of(SITE), GroundMap.of(SITE)
    for earlier in (PLACEMENT, ROUTE, PLACEMENT):
        solve(used, earlier)

    assert solve(used, problem) == solve(fresh, problem)


def test_warming_up_compiles_every_kernel_and_work_compiles_no_more():
    warm_up()
    warm = signatures()

    ground = GroundMap.of(SITE)
    solve(ground, ROUTE)
    solve(ground.updated([(0.0, 0.0, 1.0)]), PLACEMENT)
    ground.speed_limit_m_s([(0.0, 0.0)], 1.0)

    assert sum(count > 0 for count in warm.values()) >= 12
    assert signatures() == warm


def on_a_budget(charge_wh, work_wh=0.0):
    spec = sites.node("dozer-1", Capability.GRADE).machine
    budget = Budget(spec=spec, home=(70.0, 20.0), charge_wh=charge_wh, work_wh=work_wh)
    return msgspec.structs.replace(ROUTE, budget=budget)


def test_a_path_that_leaves_no_charge_for_the_way_home_is_refused():
    ground = GroundMap.of(SITE)

    answer = solve(ground, on_a_budget(5.0))

    assert answer.exhausting
    assert answer.path == ()
    assert re.fullmatch(r"needs \d+ Wh until home, has 5 over the reserve", answer.reason)


def test_a_path_with_charge_for_the_way_home_is_as_without_a_budget():
    ground = GroundMap.of(SITE)

    assert solve(ground, on_a_budget(500.0)) == solve(ground, ROUTE)


def test_the_work_at_the_end_of_the_path_is_paid_too():
    ground = GroundMap.of(SITE)

    assert not solve(ground, on_a_budget(500.0, work_wh=300.0)).exhausting
    assert solve(ground, on_a_budget(500.0, work_wh=499.0)).exhausting


def test_ten_minutes_of_waiting_on_the_way_home_are_paid_too(monkeypatch):
    ground = GroundMap.of(SITE)
    idle_w = sites.machine().idle_w
    with monkeypatch.context() as patch:
        patch.setattr(efforts_room, "HOMEWARD_S", 0.0)
        at_once_wh = next(wh for wh in range(500) if solve(ground, on_a_budget(wh)).path)

    assert not solve(ground, on_a_budget(at_once_wh)).path
    assert solve(ground, on_a_budget(at_once_wh + idle_w * 600.0 / 3600.0)).path


def test_a_place_from_which_no_way_leads_home_is_refused():
    ground = GroundMap.of(SITE)
    problem = on_a_budget(500.0)
    inside = msgspec.structs.replace(problem.budget, home=(-10.0, 0.0))

    answer = solve(ground, msgspec.structs.replace(problem, budget=inside))

    assert answer.reason == "no way home from there over this ground"


@pytest.mark.parametrize("kind", [TaskKind.GRADE, TaskKind.COMPACT, TaskKind.SURVEY])
def test_what_a_full_battery_could_do_at_placement_it_can_do_at_every_leg(kind):
    """Else a machine would be given a task and sent home from it, again and again."""
    ground = GroundMap.of(SITE)
    task = sites.task("work", kind, zone="pad")
    spec = sites.node("dozer-1", Capability.GRADE).machine
    home = (70.0, -20.0)
    legs, _ = legs_for(task, SITE, spec)
    standing = Standing(spec=spec, half_width_m=2.0, position=home, home=home)
    (effort,) = efforts(ground, standing, [(task, legs)])

    for leg in legs:
        budget = Budget(spec=spec, home=home, charge_wh=effort.energy_wh, work_wh=0.0)
        problem = msgspec.structs.replace(
            ROUTE, start=home, path=leg.path, claims=(), budget=budget
        )
        assert not solve(ground, problem).exhausting
