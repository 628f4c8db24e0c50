"""The door to the planners, and warming up behind it."""

import importlib
import pkgutil

import numba
import pytest

import lunaredge.kernels
from lunaredge.model.fleet import Capability
from lunaredge.model.site import ZoneKind
from lunaredge.model.task import TaskKind
from lunaredge.scheduler.ground import GroundMap
from lunaredge.scheduler.paths import plan_route
from lunaredge.scheduler.placement import NodeCandidate, PlacementProblem, TaskCandidate, place
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

    assert len(warm) == 13
    assert min(warm.values()) > 0
    assert signatures() == warm
