"""The second look: no ground that was heard granted to a neighbour."""

import pytest

from lunaredge.agent.neighbours import Neighbours, Word
from lunaredge.ids import AuthorityId, NodeId
from lunaredge.model.site import Point
from lunaredge.model.task import Leg
from lunaredge.wire import topics
from lunaredge.wire.driver import Follow
from lunaredge.wire.messages import (
    AuthorityRenewal,
    AuthorityRequest,
    CommandReply,
    Dispute,
    Grant,
    Neighbour,
)
from lunaredge.wire.records import Event
from tests.agent.rig import AGENT_KEY, DIG, NODE, OPERATOR_KEY, OTHER_KEY, SITE, Rig, bodies
from tests.agent.test_authority import grant
from tests.agent.toy_machine import PATH

DRIVE = Leg(path=PATH)
OTHER = NodeId("hauler-1")
HEARD_NO = 4
ACROSS = ((20.0, -10.0), (20.0, 10.0))


def hears(
    rig: Rig,
    path: tuple[Point, ...] = ACROSS,
    *,
    epoch: int = 1,
    number: int = 5,
    ours: int | None = None,
    name: str = "ma-other",
) -> None:
    """Have the scheduler grant a path to the neighbour, for all to hear.

    ``ours`` is which authority of the rig's machine it has in mind; None for none.
    """
    asked = AuthorityRequest(request_no=1, task="t", attempt=1, path=path, x_m=0.0, y_m=0.0)
    words = () if ours is None else (told(ours, node=NODE),)
    grant = rig.grant_for(
        asked, authority=AuthorityId(name), number=HEARD_NO, stop_m=20.0, neighbours=words
    )
    payload = rig.frame(grant, to=OTHER, epoch=epoch, number=number)
    rig.node.receive(topics.build(SITE, OTHER, "ma"), payload, rig.now_ns)
    rig.carry_out()


def told(
    number: int = HEARD_NO,
    *,
    node: NodeId = OTHER,
    ended: bool = False,
    released_m: float = 0.0,
    stop_m: float = 20.0,
) -> Neighbour:
    return Neighbour(node=node, number=number, ended=ended, released_m=released_m, stop_m=stop_m)


def asking() -> Rig:
    rig = Rig()
    rig.prove()
    rig.assign(DRIVE)
    return rig


def test_an_authority_over_ground_heard_granted_to_a_neighbour_is_refused_and_both_stop() -> None:
    rig = asking()
    hears(rig)

    rig.grant()

    assert rig.last(CommandReply).reason == "neighbour"
    assert rig.orders(Follow) == []
    assert rig.last(Dispute).authority == "ma-other"


@pytest.mark.parametrize(
    "word",
    [told(ended=True), told(released_m=17.0), told(stop_m=3.0), told(HEARD_NO + 1)],
    ids=["given up", "gone by", "not there yet", "long over"],
)
def test_ground_that_the_leader_accounts_for_is_taken(word: Neighbour) -> None:
    rig = asking()
    hears(rig)

    rig.grant(neighbours=(word,))

    assert rig.last(CommandReply).ok
    assert len(rig.orders(Follow)) == 1


@pytest.mark.parametrize(
    "word",
    [told(HEARD_NO - 1, ended=True), told(ended=True, node=NodeId("hauler-2"))],
    ids=["an older one", "another machine"],
)
def test_a_word_about_another_authority_accounts_for_nothing(word: Neighbour) -> None:
    rig = asking()
    hears(rig)

    rig.grant(neighbours=(word,))

    assert rig.last(CommandReply).reason == "neighbour"


def test_a_stop_point_before_the_neighbours_ground_is_taken_and_one_beyond_it_is_not() -> None:
    rig = asking()
    hears(rig)
    grant = rig.grant(stop_m=13.0)
    rig.run(20)
    assert rig.last(CommandReply).ok

    rig.renew(rig.last(AuthorityRenewal).request_no, grant, stop_m=30.0)
    rig.run(60)

    assert rig.machine.place[0] <= 13.0
    assert rig.all(Dispute) != []
    assert rig.beat().authority is None


def test_what_an_earlier_leader_granted_is_the_new_leaders_business() -> None:
    rig = asking()
    hears(rig, epoch=1)
    rig.epoch = 2

    rig.grant()

    assert rig.last(CommandReply).ok


def test_an_authority_of_a_leader_older_than_one_heard_is_refused() -> None:
    rig = asking()
    hears(rig, ((500.0, 500.0), (510.0, 500.0)), epoch=2)

    rig.grant()

    word = rig.beat()
    assert word.refused.keys() == {"epoch"}
    assert word.authority is None
    assert word.epoch == 2, "so that the older one learns of it, and leads above"


def test_a_newer_leader_that_was_overheard_is_remembered_over_a_restart() -> None:
    rig = asking()
    hears(rig, ((500.0, 500.0), (510.0, 500.0)), epoch=2)

    rig.boot()

    assert rig.situation.epoch == 2


def test_the_newest_authority_of_a_neighbour_counts() -> None:
    rig = asking()
    hears(rig)
    elsewhere = rig.grant_for(
        AuthorityRequest(request_no=2, task="t", attempt=1, path=((90.0, 90.0),), x_m=0.0, y_m=0.0)
    )
    for number in (7, 3):
        grant: Grant = elsewhere
        payload = rig.frame(grant, to=OTHER, number=number)
        rig.node.receive(topics.build(SITE, OTHER, "ma"), payload, rig.now_ns)
        rig.carry_out()

    rig.grant()

    assert rig.last(CommandReply).ok


def test_an_unsigned_or_misdirected_authority_is_not_overheard() -> None:
    rig = asking()
    asked = AuthorityRequest(request_no=1, task="t", attempt=1, path=ACROSS, x_m=0.0, y_m=0.0)
    grant = rig.grant_for(asked, authority=AuthorityId("ma-other"))
    for payload in (
        rig.frame(grant, None, to=OTHER),
        rig.frame(grant, AGENT_KEY, to=OTHER),
        rig.frame(grant, to=NodeId("hauler-2")),
    ):
        rig.node.receive(topics.build(SITE, OTHER, "ma"), payload, rig.now_ns)
        rig.carry_out()

    rig.grant()

    assert rig.last(CommandReply).ok
    assert rig.beat().refused == {"role": 2, "addressee": 1}


def test_a_neighbours_dispute_stops_the_machine_and_takes_its_authority() -> None:
    rig = Rig()
    grant = rig.drive_off(DRIVE)
    rig.run(20)

    rig.tell(Dispute(authority=grant.authority), OTHER_KEY, node=OTHER)
    rig.run(40)

    assert rig.machine.speed_m_s == 0.0
    assert rig.situation.authority is None
    assert len(rig.all(AuthorityRequest)) >= 2


def test_a_dispute_of_another_authority_or_of_no_node_changes_nothing() -> None:
    rig = Rig()
    grant = rig.drive_off(DRIVE)
    rig.run(20)

    effects = rig.tell(Dispute(authority=AuthorityId("ma-99")), OTHER_KEY, node=OTHER)
    rig.tell(Dispute(authority=grant.authority), OPERATOR_KEY)
    rig.run(20)

    assert bodies(effects, Dispute) == []
    assert rig.machine.speed_m_s > 0.0
    assert rig.beat().refused == {"authority": 1, "role": 1}


@pytest.mark.parametrize("epoch", [1, 2])
def test_who_hears_its_own_ground_granted_to_a_neighbour_stops_and_tells_it(epoch: int) -> None:
    rig = Rig()
    mine = rig.drive_off(DRIVE)
    rig.run(10)

    hears(rig, epoch=epoch, ours=mine.number)
    rig.run(40)

    assert rig.last(Dispute).authority == "ma-other"
    assert rig.machine.place[0] < 15.0
    assert rig.situation.authority is None


def test_who_is_forgotten_by_its_leader_hears_its_own_ground_granted_too() -> None:
    rig = Rig()
    rig.drive_off(DRIVE)
    rig.run(10)

    hears(rig)
    rig.run(40)

    assert rig.last(Dispute).authority == "ma-other"
    assert rig.machine.place[0] < 15.0


def test_a_leader_that_has_not_counted_us_says_an_old_grant_again_and_stops_nobody() -> None:
    rig = Rig()
    rig.drive_off(DRIVE)
    rig.run(10)

    hears(rig, epoch=2)
    rig.run(30)

    assert rig.all(Dispute) == []
    assert rig.machine.place[0] > 15.0


def test_a_grant_that_is_said_again_is_held_against_nothing_that_was_granted_since() -> None:
    """Its reply was lost; what its holder gave back since may be ours by now."""
    rig = asking()
    hears(rig, number=5, ours=1)
    mine = rig.grant(number=1, neighbours=(told(released_m=17.0),))

    hears(rig, number=6, ours=mine.number)
    rig.run(10)

    assert rig.all(Dispute) == []


@pytest.mark.parametrize(
    ("path", "number", "behind"),
    [(ACROSS, 0, 0), (ACROSS, 5, 1), (((15.0, 7.0), (15.0, 9.0)), 5, 0)],
    ids=["sent before ours", "granted before ours", "clear of ours"],
)
def test_a_neighbours_authority_that_ours_was_granted_with_in_mind_stops_nobody(
    path: tuple[Point, ...], number: int, behind: int
) -> None:
    rig = Rig()
    mine = rig.drive_off(DRIVE)
    rig.run(10)

    hears(rig, path, number=number, ours=mine.number - behind)
    rig.run(30)

    assert rig.all(Dispute) == []
    assert rig.machine.place[0] > 15.0


def test_a_place_to_stand_is_held_against_nobody() -> None:
    """At rest a body may be found a little nearer to others than it was granted."""
    rig = Rig()
    mine = rig.drive_off(Leg(path=PATH, goal=DIG))
    rig.run(150)
    assert rig.situation.authority is not None
    assert rig.situation.authority.at_stop

    hears(rig, (PATH[-1], (90.0, 90.0)), ours=mine.number)

    assert rig.all(Dispute) == []


def test_ground_driven_through_and_given_back_may_be_granted_to_a_neighbour() -> None:
    rig = Rig()
    mine = rig.drive_off(DRIVE)
    rig.run(50)
    assert rig.machine.place[0] > 18.0

    hears(rig, ((5.0, -10.0), (5.0, 10.0)), ours=mine.number)

    assert rig.all(Dispute) == []


def test_a_neighbours_old_authority_that_comes_late_is_not_held_against_newer_ground() -> None:
    rig = Rig()
    mine = rig.drive_off(DRIVE, stop_m=12.0)
    rig.run(20)

    number = rig.last(AuthorityRenewal).request_no
    rig.tell(rig.renewal(number, mine, stop_m=30.0), number=9)
    hears(rig, number=8, ours=mine.number)
    rig.run(40)

    assert rig.all(Dispute) == []
    assert rig.machine.place[0] > 22.0


FAR = ((20.0, -60.0), (20.0, 10.0))
"""A way that is granted as far as 40 m short of our own at first."""


def test_a_neighbour_that_the_leader_forgot_may_be_anywhere_on_its_way() -> None:
    rig = asking()
    hears(rig, FAR)

    rig.grant(number=HEARD_NO + 1)

    assert rig.last(CommandReply).reason == "neighbour"


def test_so_it_may_when_ours_is_to_go_farther() -> None:
    rig = asking()
    hears(rig, FAR)
    mine = rig.grant(number=1, stop_m=10.0, neighbours=(told(),))
    rig.run(20)

    rig.renew(rig.last(AuthorityRenewal).request_no, mine, stop_m=30.0)

    assert rig.last(Dispute).authority == "ma-other"


def test_of_an_authority_granted_after_ours_counts_what_it_was_given_not_its_path() -> None:
    """Ours is said again after the neighbour's was heard; its word is from before that one."""
    rig = asking()
    hears(rig, ((20.0, -30.0), (20.0, 10.0)))

    rig.grant()

    assert rig.last(CommandReply).ok


# --- the room itself --------------------------------------------------------------------------


def heard(**changes: object) -> Neighbours:
    """Have heard of one authority along x, 2 m wide to either side."""
    room = Neighbours(NODE)
    room.overhear(OTHER, 1, HEARD_NO, grant(path=((0.0, 0.0), (30.0, 0.0)), **changes))
    return room


def meets(room: Neighbours, *path: Point, word: Neighbour | None = None) -> bool:
    words = () if word is None else (word,)
    return room.in_the_way(path, 3.0, Word(1, words, HEARD_NO + 1)) is not None


def test_two_corridors_meet_nearer_than_half_of_both_widths() -> None:
    assert meets(heard(half_width_m=2.0), (10.0, 4.9), (20.0, 4.9))
    assert not meets(heard(half_width_m=2.0), (10.0, 5.1), (20.0, 5.1))


def test_a_neighbour_may_roll_the_overlap_beyond_its_stop_point() -> None:
    room = heard(half_width_m=2.0, overlap_m=4.0, number=HEARD_NO)

    word = told(stop_m=10.0)

    assert meets(room, (18.9, 0.0), (28.0, 0.0), word=word)
    assert not meets(room, (19.1, 0.0), (28.0, 0.0), word=word)


def test_a_flood_of_neighbours_fills_no_memory_and_displaces_nobody() -> None:
    room = heard(half_width_m=2.0)
    far = grant(path=((900.0, 0.0), (930.0, 0.0)))

    for number in range(1_000):
        room.overhear(NodeId(f"n{number}"), 1, 1, far)
    room.overhear(OTHER, 1, HEARD_NO + 1, grant(path=((0.0, 90.0), (30.0, 90.0))))

    assert len(room._heard) == 256
    assert not meets(room, (10.0, 0.0), (20.0, 0.0))
    assert meets(room, (10.0, 90.0), (20.0, 90.0))


@pytest.mark.parametrize(("overlap_m", "taken"), [(0.0, True), (4.0, False)])
def test_the_overlap_beyond_the_stop_point_is_held_against_neighbours_too(
    overlap_m: float, *, taken: bool
) -> None:
    rig = asking()
    hears(rig)

    rig.grant(stop_m=12.0, overlap_m=overlap_m)

    assert rig.last(CommandReply).ok is taken


@pytest.mark.parametrize(("overlap_m", "stop_m"), [(0.0, 12.0), (4.0, 5.0)])
def test_so_it_is_when_the_stop_point_is_put_farther(overlap_m: float, stop_m: float) -> None:
    rig = asking()
    hears(rig)
    mine = rig.grant(stop_m=5.0, overlap_m=overlap_m)
    rig.run(5)

    rig.renew(rig.last(AuthorityRenewal).request_no, mine, stop_m=12.0)

    lease = rig.node._parts.pilot.leasing.lease
    assert (5.0 if lease is None else lease.stop_m) == stop_m


def test_an_authority_without_a_path_is_refused_and_one_of_a_neighbour_is_in_nobodys_way() -> None:
    rig = asking()
    hears(rig, path=())

    rig.grant(path=())
    assert rig.last(CommandReply).reason == "grant_values"

    rig.run(60)
    rig.grant(neighbours=(told(),))
    assert rig.last(CommandReply).ok


def test_a_dispute_that_is_sent_again_and_again_is_noted_once() -> None:
    rig = Rig()
    grant = rig.drive_off(DRIVE)

    for _ in range(50):
        rig.tell(Dispute(authority=grant.authority), OTHER_KEY, node=OTHER)

    assert rig.codes(Event).count("authority_disputed") == 1


def test_who_rests_a_little_too_near_can_be_left() -> None:
    """The scheduler eases such a body's claim for the other to drive away from it."""
    room = heard(half_width_m=2.0, number=HEARD_NO)
    resting, under_way = told(released_m=30.0, stop_m=30.0), told(released_m=29.0, stop_m=30.0)
    away = ((30.0, 4.75), (30.0, 40.0))

    assert not meets(room, *away, word=resting)
    assert meets(room, *away, word=under_way)
    assert meets(room, (30.0, 4.65), (30.0, 40.0), word=resting)


@pytest.mark.parametrize(("theirs", "is_against"), [(4, False), (8, True)])
def test_who_was_granted_before_ours_could_not_speak_of_it(
    theirs: int, *, is_against: bool
) -> None:
    room = Neighbours(NODE)
    room.took(1, 7)

    assert room.is_against(grant(number=6), grant(number=theirs), 1, 9) is is_against
