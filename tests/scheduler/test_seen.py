"""A word without a place: it frees nothing that was blocked by where its machine was seen last."""

import math

import msgspec
import pytest

from lunaredge.ids import NodeId
from lunaredge.model.polyline import distance_m, part_of
from lunaredge.model.site import Point
from lunaredge.scheduler import space, views
from lunaredge.scheduler.state import NodeEntry
from lunaredge.units import NS_PER_S
from lunaredge.wire import messages
from lunaredge.wire.safeguards import CloseRequest
from tests.scheduler.drives import beat, driving, held
from tests.scheduler.rig import Site

GRADER, HAULER = "grader-1", "hauler-1"
# What an agent says whose driver's stream has ended; also how well it knew its place is gone.
BLIND = {"x_m": None, "y_m": None, "heading_rad": None, "pose_error_m": 0.0, "state": "safe"}


def node(site: Site, name: str) -> NodeEntry:
    return site.scheduler.core.state.nodes[NodeId(name)]


def tell(site: Site, name: str, **fields: object) -> None:
    site.say(name, beat(site.situation(name, **fields)))
    site.wait(1.0)


def room_m(site: Site, name: str, at: Point) -> float:
    """How far a place is from all that a machine may be on; negative inside."""
    chains = space.claim(site.scheduler.core.ctx, node(site, name))
    return min(distance_m(chain.points, at) - chain.half_width_m for chain in chains)


def on_the_way(grant: messages.Grant, station_m: float) -> Point:
    return part_of(grant.path, station_m, station_m)[0]


def beside(grant: messages.Grant, station_m: float, off_m: float) -> Point:
    x_m, y_m = on_the_way(grant, station_m)
    return x_m + off_m, y_m - off_m


def test_who_loses_its_place_and_then_all_sight_may_still_be_far_off() -> None:
    site, grant = driving()
    at = on_the_way(grant, 22.0)
    near = (at[0] - 9.0, at[1] - 9.0)
    tell(site, HAULER, x_m=near[0], y_m=near[1], pose_error_m=12.0)

    tell(site, HAULER, **BLIND, at_rest=False)

    assert room_m(site, HAULER, (near[0] + 12.0, near[1])) < 0.0
    assert site.scheduler.core.state.alarms[f"{HAULER}/conflict"].active


def test_who_was_pushed_and_is_blind_then_stays_where_it_was_seen() -> None:
    site, _ = driving()
    tell(site, HAULER, x_m=50.0, y_m=40.0, at_rest=False)

    tell(site, HAULER, **BLIND, at_rest=False)

    assert room_m(site, HAULER, (50.0, 40.0)) < 0.0
    assert room_m(site, HAULER, (32.0, 8.0)) < 0.0, "it may have rolled back"


@pytest.mark.parametrize("half", [{"x_m": None}, {"y_m": None}])
def test_half_a_place_is_none(half: dict[str, object]) -> None:
    site, _ = driving()
    tell(site, HAULER, x_m=50.0, y_m=40.0, at_rest=False)

    tell(site, HAULER, **{"x_m": 70.0, "y_m": 60.0, "at_rest": False} | half)

    assert site.scheduler.core.state.quarantined == 0
    assert room_m(site, HAULER, (50.0, 40.0)) < 0.0


@pytest.mark.parametrize("then", ["in sight", "blind"])
def test_who_is_off_its_way_with_its_authority_in_hand_is_where_it_says(then: str) -> None:
    site, grant = driving()
    off = beside(grant, 20.0, 9.0)
    strayed = held(grant, 15.0, station_m=16.0) | {"x_m": off[0], "y_m": off[1], "state": "safe"}
    tell(site, GRADER, **strayed)
    if then == "blind":
        tell(site, GRADER, **strayed | BLIND)

    assert room_m(site, GRADER, off) < 0.0
    assert room_m(site, GRADER, on_the_way(grant, grant.stop_m)) < 0.0


@pytest.mark.parametrize(
    "how", ["on an unknown authority", "under another leader", "at rest under another leader"]
)
def test_whoever_is_led_by_somebody_else_is_where_it_says(how: str) -> None:
    site, _ = driving()
    there = {"x_m": 50.0, "y_m": 40.0, "at_rest": how.startswith("at rest")}
    if how.endswith("under another leader"):
        tell(site, HAULER, **there, epoch=99)
    else:
        unknown = messages.HeldAuthority(
            id="ma9-9", released_m=0.0, stop_m=9.0, revision=1, at_stop=False, station_m=0.0
        )
        tell(site, HAULER, **there, authority=unknown)

    assert room_m(site, HAULER, (50.0, 40.0)) < 0.0


@pytest.mark.parametrize("at_rest", [True, False])
def test_whoever_obeys_another_leader_is_kept_clear_of_at_once(*, at_rest: bool) -> None:
    site, grant = driving()
    site.scheduler.core.state.bid_count = 9
    x_m, y_m = on_the_way(grant, 20.0)

    tell(site, HAULER, x_m=x_m, y_m=y_m, epoch=99, at_rest=at_rest)

    assert site.scheduler.core.state.epoch < 99, "it waits for its next bid"
    (shorten,) = site.sent(GRADER, messages.Shorten)
    assert shorten.stop_m < 20.0


def test_who_holds_another_authority_than_its_last_is_where_it_says_though_on_that_one_s_way():
    site, grant = driving()
    other = msgspec.structs.replace(grant, authority="ma9-9")

    tell(site, GRADER, **held(other, 0.0, station_m=16.0))

    assert node(site, GRADER).astray_at == on_the_way(grant, 16.0)


def test_who_is_off_its_way_with_its_authority_in_hand_is_kept_clear_of() -> None:
    site, grant = driving()
    ours, other = node(site, GRADER).granted, node(site, HAULER)
    assert ours is not None
    path = tuple((x_m + 12.0, y_m) for x_m, y_m in ours.path)
    other.granted = msgspec.structs.replace(ours, id="ma-h", path=path)
    x_m, y_m = part_of(path, 20.0, 20.0)[0]

    tell(site, GRADER, **held(grant, 15.0, station_m=16.0) | {"x_m": x_m, "y_m": y_m})

    (shorten,) = site.sent(HAULER, messages.Shorten)
    assert shorten.stop_m < 20.0
    alarm = site.scheduler.core.state.alarms[f"{GRADER}/conflict"]
    assert alarm.text == "may be on ground granted to hauler-1"

    # Carried to where another one goes: the alarm names that one.
    node(site, "grader-2").granted = msgspec.structs.replace(
        ours, id="ma-2", path=((77.0, 70.0), (20.0, 70.0))
    )
    tell(site, GRADER, x_m=55.0, y_m=70.0)
    assert alarm.active
    assert "grader-2" in alarm.text


def test_who_wavers_on_its_way_blocks_its_way_and_no_more() -> None:
    site, grant = driving()
    x_m, y_m = on_the_way(grant, 16.0)
    wavering = held(grant, 15.0, station_m=16.0) | {"x_m": x_m + 0.3, "y_m": y_m - 0.3}

    tell(site, GRADER, **wavering)

    assert len(space.claim(site.scheduler.core.ctx, node(site, GRADER))) == 2
    assert node(site, GRADER).astray_at is None


def test_who_slid_beside_its_way_is_kept_clear_of_by_those_who_pass_there() -> None:
    site, grant = driving()
    other = on_the_way(grant, 20.0)
    tell(site, HAULER, x_m=other[0], y_m=other[1], at_rest=False)

    (shorten,) = site.sent(GRADER, messages.Shorten)

    assert shorten.stop_m < 20.0


@pytest.mark.parametrize("pushed_in", [True, False], ids=["pushed in", "lost beside it"])
def test_a_zone_is_not_clear_again_when_who_may_be_in_it_goes_blind(*, pushed_in: bool) -> None:
    site, _ = driving()
    x_m, y_m = node(site, HAULER).body
    zone = CloseRequest(
        request="c", zone="landing", why="x", outline=((x_m + 12.0, y_m + 12.0),), radius_m=5.0
    )
    assert site.ask(zone).ok
    if pushed_in:
        tell(site, HAULER, x_m=x_m + 12.0, y_m=y_m + 12.0, at_rest=False)
    else:
        tell(site, HAULER, pose_error_m=15.0)
    closure = site.scheduler.core.state.closures["landing"]
    before = closure.waits

    tell(site, HAULER, **BLIND, at_rest=False)

    assert f"{HAULER} has to leave" in str(before)
    assert closure.waits == before


@pytest.mark.parametrize("how", ["carried", "lost"])
def test_a_conflict_is_over_when_the_other_has_given_its_ground_back(how: str) -> None:
    site, grant = driving()
    at = on_the_way(grant, 22.0)
    if how == "carried":
        tell(site, HAULER, x_m=at[0], y_m=at[1])
    else:
        tell(site, HAULER, x_m=at[0] - 9.0, y_m=at[1] - 9.0, pose_error_m=12.0)
    alarm = site.scheduler.core.state.alarms[f"{HAULER}/conflict"]
    was_active = alarm.active
    last = {"x_m": grant.path[0][0], "y_m": grant.path[0][1]}
    tell(site, GRADER, **last)
    said = {"pose_error_m": 12.0} if how == "lost" else {}
    there = (at[0] - 9.0, at[1] - 9.0) if how == "lost" else at

    tell(site, HAULER, x_m=there[0], y_m=there[1], **said)

    assert was_active
    assert node(site, GRADER).granted is None
    assert not alarm.active


def test_who_is_behind_what_it_gives_back_by_the_same_word_is_where_it_says() -> None:
    site, grant = driving()
    x_m, y_m = on_the_way(grant, 4.0)

    tell(site, GRADER, **held(grant, 15.0) | {"x_m": x_m, "y_m": y_m})

    assert room_m(site, GRADER, (x_m, y_m)) < 0.0


def test_a_word_that_says_nothing_of_a_place_makes_none_measured() -> None:
    site = Site()
    site.census()
    site.wait(1_100.0)

    site.reply(HAULER, "c0-0")

    rows = views.node_rows(site.scheduler.core.ctx, site.now_ns)
    (row,) = [row for row in rows if row["node"] == HAULER]
    assert (row["presence"], row["mark"], row["age_s"]) == ("up", "last known", 1_100.0)


def test_a_place_from_a_time_yet_to_come_is_not_called_measured() -> None:
    site = Site()
    site.census()
    site.wait(600.0)
    tell(site, HAULER)

    rows = views.node_rows(site.scheduler.core.ctx, site.now_ns - 60 * NS_PER_S)

    (row,) = [row for row in rows if row["node"] == HAULER]
    assert (row["presence"], row["mark"], row["age_s"]) == ("up", "last known", None)


def test_who_was_towed_into_a_closed_zone_is_sent_out() -> None:
    site = Site()
    site.census()
    close = CloseRequest(
        request="close", zone="spot", why="a lander", outline=((60.0, 40.0),), radius_m=5.0
    )
    site.ask(close)

    tell(site, HAULER, x_m=60.0, y_m=40.0, at_rest=False)

    (trip,) = site.scheduler.core.state.tasks.values()
    assert trip.task.only_on == (HAULER,)


def test_who_asks_for_a_way_from_where_it_rolled_to_is_kept_clear_of_there() -> None:
    site, grant = driving()
    rolled_by, rests = (70.0, 8.0), on_the_way(grant, 20.0)
    tell(site, HAULER, x_m=rolled_by[0], y_m=rolled_by[1], at_rest=False)
    request = messages.AuthorityRequest(
        request_no=1, task="none", attempt=1, path=(rests,), x_m=rests[0], y_m=rests[1]
    )

    site.say(HAULER, request)

    assert room_m(site, HAULER, rests) < 0.0
    assert room_m(site, HAULER, rolled_by) > 0.0
    assert site.sent(GRADER, messages.Shorten) != []


def test_who_asks_for_a_way_and_knows_its_place_worse_blocks_all_round_it() -> None:
    site, _ = driving()
    x_m, y_m = node(site, HAULER).body
    request = messages.AuthorityRequest(
        request_no=1, task="none", attempt=1, path=(), x_m=x_m, y_m=y_m, pose_error_m=6.0
    )

    site.say(HAULER, request)
    asked_m = room_m(site, HAULER, (x_m + 6.0, y_m))
    tell(site, HAULER)

    assert asked_m < 0.0
    assert room_m(site, HAULER, (x_m + 6.0, y_m)) > 0.0


def test_a_person_s_word_counts_instead_of_where_it_was_seen() -> None:
    site, _ = driving()
    tell(site, HAULER, x_m=50.0, y_m=40.0, at_rest=False, pose_error_m=5.0)
    site.wait(1_000.0)

    assert site.vouch(HAULER, (32.0, 8.0)).ok

    assert room_m(site, HAULER, (50.0, 40.0)) > 10.0
    assert math.isclose(room_m(site, HAULER, (32.0, 8.0)), -3.02, abs_tol=0.05)
