"""The way home: kept from the first drive on, put before each next route, given up for people."""

import math

import msgspec
import pytest

from lunaredge.ids import NodeId
from lunaredge.model.polyline import length_m, part_of
from lunaredge.scheduler import fusion, views
from lunaredge.scheduler.paths import RouteProblem, RouteSolution
from lunaredge.scheduler.solve import solve
from lunaredge.scheduler.state import Fused, NodeEntry
from lunaredge.wire import messages
from lunaredge.wire.messages import OnLoss
from lunaredge.wire.safeguards import CloseRequest
from tests.scheduler.drives import blocked_m, driving, held, on_the_way
from tests.scheduler.rig import Site

GRADER = NodeId("grader-1")
GONE_M = 20.0


def grader(site: Site) -> NodeEntry:
    return site.scheduler.core.state.nodes[GRADER]


def home(site: Site) -> tuple[float, float]:
    spec = site.fleet.node(GRADER)
    assert spec is not None
    assert spec.home is not None
    return spec.home


def beat(site: Site, **changes: object) -> None:
    site.say("grader-1", messages.Heartbeat(situation=site.situation("grader-1", **changes)))


def asked_again() -> tuple[Site, tuple[float, float]]:
    """Grader-1 has driven some way from home, and asks for another route from there."""
    site, grant = driving(on_loss=OnLoss.HOME)
    beat(site, **on_the_way(grant, GONE_M))
    at = part_of(grant.path, GONE_M, math.inf)[0]
    site.request("grader-1", 2, at)
    return site, at


def test_whoever_sets_off_from_home_may_come_back_to_it() -> None:
    site, grant = driving(on_loss=OnLoss.HOME)

    assert grant.on_loss is OnLoss.HOME
    assert grant.home_lifetime_ns == site.config.home_lifetime_ns
    assert grant.from_m == 0.0


def test_the_ground_that_it_came_by_stays_its_own() -> None:
    site, grant = driving(on_loss=OnLoss.HOME)
    middle = part_of(grant.path, 10.0, math.inf)[0]

    beat(site, **on_the_way(grant, 25.0))
    assert blocked_m(site, middle) < 0.0
    asked = part_of(grant.path, 25.0, math.inf)[0]
    site.request("grader-1", 2, asked)

    assert grader(site).granted is None
    assert blocked_m(site, middle) < 0.0


def test_without_the_wish_to_go_home_it_does_not() -> None:
    site, grant = driving()
    middle = part_of(grant.path, 10.0, math.inf)[0]

    beat(site, **held(grant, 30.0))
    site.request("grader-1", 2, part_of(grant.path, 30.0, math.inf)[0])

    assert blocked_m(site, middle) > 0.0


def test_the_next_authority_begins_with_the_way_home() -> None:
    site, at = asked_again()

    site.solve()

    grant = site.last(messages.Grant)
    assert grant.on_loss is OnLoss.HOME
    assert grant.path[0] == home(site)
    assert grant.from_m == pytest.approx(GONE_M, abs=0.5)
    assert part_of(grant.path, grant.from_m, math.inf)[0] == pytest.approx(at)
    assert grant.stop_m > grant.from_m
    assert grant.tool_from_m >= grant.from_m


def test_a_stop_point_grows_with_what_a_machine_tells_of_its_place() -> None:
    site, grant = driving(on_loss=OnLoss.HOME)
    beat(site, **on_the_way(grant, GONE_M))

    site.say("grader-1", messages.AuthorityRenewal(request_no=2, authority=grant.authority))

    assert site.last(messages.Renew).stop_m == pytest.approx(grant.stop_m + GONE_M)


def test_a_way_home_that_is_not_free_any_more_is_not_promised() -> None:
    site, _ = asked_again()
    middle = part_of(grader(site).retreat, 10.0, math.inf)[0]
    site.scheduler.core.state.nodes[NodeId("hauler-1")].body = middle

    site.solve()

    grant = site.last(messages.Grant)
    assert grant.on_loss is OnLoss.STOP_POINT
    assert grant.from_m == 0.0
    assert grant.home_lifetime_ns == 0
    assert grader(site).retreat == ()


@pytest.mark.parametrize("at", [None, (60.0, 20.0)])
def test_whoever_a_person_vouches_for_has_no_way_home(at: tuple[float, float] | None) -> None:
    site, _ = asked_again()
    middle = part_of(grader(site).retreat, 10.0, math.inf)[0]
    site.wait(7 * 3_600.0)

    assert site.vouch("grader-1", at).ok

    assert grader(site).retreat == ()
    assert at is None or blocked_m(site, middle) > 0.0


def test_at_home_nothing_is_kept() -> None:
    site, _ = asked_again()
    assert grader(site).retreat

    beat(site)

    assert grader(site).retreat == ()


def test_a_machine_that_wakes_up_elsewhere_keeps_its_way_home() -> None:
    site, at = asked_again()

    beat(site, x_m=at[0], y_m=at[1], task="grade-pad", attempt=1)

    assert grader(site).retreat[0] == home(site)


def test_a_loop_is_no_part_of_a_way_home() -> None:
    site, at = asked_again()
    site.solve()
    grant = site.last(messages.Grant)
    site.reply("grader-1", grant.command)
    beat(site, **on_the_way(grant, grant.from_m + 5.0))

    site.request("grader-1", 3, at)

    assert length_m(grader(site).retreat) <= grant.from_m + 0.5


def test_a_machine_found_on_the_way_home_has_it_given_back() -> None:
    site, grant = driving(on_loss=OnLoss.HOME)
    beat(site, **on_the_way(grant, 40.0))
    behind = part_of(grant.path, 20.0, math.inf)[0]

    hauler = site.situation("hauler-1", x_m=behind[0], y_m=behind[1])
    site.say("hauler-1", messages.Heartbeat(situation=hauler))
    site.wait(1.0)

    shorten = site.sent("grader-1", messages.Shorten)[-1]
    assert isinstance(shorten, messages.Shorten)
    assert shorten.from_m == pytest.approx(40.0)
    assert shorten.stop_m == pytest.approx(grant.stop_m)
    assert blocked_m(site, behind) < 0.0


def test_people_get_the_ground_of_a_way_home_that_nobody_drives_on() -> None:
    site, _ = asked_again()
    x_m, y_m = part_of(grader(site).retreat, 10.0, math.inf)[0]
    corners = ((-3.0, -3.0), (3.0, -3.0), (3.0, 3.0), (-3.0, 3.0))
    area = tuple((x_m + dx_m, y_m + dy_m) for dx_m, dy_m in corners)

    site.ask(CloseRequest(request=site.request_id(), zone="lander", why="landing", outline=area))

    assert grader(site).retreat == ()


def test_nobody_is_vouched_for_while_a_way_home_may_be_taken() -> None:
    site, grant = driving(on_loss=OnLoss.HOME, authority_lifetime_ns=60 * 10**9)
    beat(site, **on_the_way(grant, GONE_M))
    site.wait(600.0)

    answer = site.ask(messages.VouchRequest(request=site.request_id(), node=GRADER, at=None))

    assert not answer.ok
    assert "may still move by an authority" in answer.text


def test_people_see_that_a_machine_may_still_go_home_and_for_how_long() -> None:
    site, grant = driving(on_loss=OnLoss.HOME, authority_lifetime_ns=60 * 10**9)
    beat(site, **on_the_way(grant, GONE_M))
    site.wait(100.0)

    rows = views.node_rows(site.scheduler.core.ctx, site.now_ns)

    row = next(row for row in rows if row["node"] == GRADER)
    assert row["on_loss"] == "home"
    assert row["may_move_s"] == pytest.approx(21_500.0, abs=10.0)


def test_a_scheduler_that_starts_again_remembers_the_way_home() -> None:
    site, _ = asked_again()
    kept = grader(site).retreat

    site.start()

    assert grader(site).retreat == kept


def test_no_way_home_is_promised_that_the_battery_would_not_last_for() -> None:
    site, at = asked_again()
    problem = site.problems[-1]
    assert isinstance(problem, RouteProblem)
    assert problem.budget is not None
    to_and_fro = (home(site), *[at, home(site)] * 200, at)
    far = msgspec.structs.replace(problem.budget, way_home=to_and_fro, charge_wh=100.0)

    ground = site.scheduler.core.ctx.ground
    near = solve(ground, problem)
    long = solve(ground, msgspec.structs.replace(problem, budget=far))

    assert isinstance(near, RouteSolution)
    assert isinstance(long, RouteSolution)
    assert not near.no_return
    assert long.path == near.path
    assert long.no_return


def test_an_authority_without_the_energy_to_go_back_does_not_promise_it() -> None:
    site, _ = asked_again()
    problem = site.problems.pop()
    assert isinstance(problem, RouteProblem)
    solution = solve(site.scheduler.core.ctx.ground, problem)
    assert isinstance(solution, RouteSolution)

    site.scheduler.solved(msgspec.structs.replace(solution, no_return=True), site.now_ns)
    site.carry_out()

    assert site.last(messages.Grant).on_loss is OnLoss.STOP_POINT


def test_no_way_home_leads_over_ground_that_is_known_to_be_too_steep() -> None:
    site, grant = driving(on_loss=OnLoss.HOME)
    ctx, gone_m = site.scheduler.core.ctx, grant.stop_m
    at, middle = (part_of(grant.path, gone_m * k, gone_m * k)[0] for k in (1.0, 0.5))
    beat(site, **on_the_way(grant, gone_m))
    beat(site, x_m=at[0], y_m=at[1], task="grade-pad", attempt=1)
    assert length_m(grader(site).retreat) == pytest.approx(gone_m, abs=0.1)
    ctx.state.terrain = [
        Fused(x_m=middle[0] + 2.0 * i, y_m=middle[1] + 2.0 * j, z_m=4.0 * (i < 0), count=1)
        for i in range(-2, 3)
        for j in range(-2, 3)
    ]
    ctx.state.terrain_version += 1
    fusion.renew_ground(ctx)

    site.request("grader-1", 2, at)
    site.solve()

    again = site.last(messages.Grant)
    assert (again.from_m, again.path[0]) == (0.0, at)
    assert again.on_loss is OnLoss.STOP_POINT
