"""Earth's word: who gives it, how late, and that it is given once."""

import msgspec

from lunaredge.earth.desk import WANTED_MAX
from lunaredge.ids import BootId, TaskId
from lunaredge.node import Archive, Note, Persist
from lunaredge.wire.codec import decode
from lunaredge.wire.link import Directive
from lunaredge.wire.messages import Approve
from lunaredge.wire.seal import Role
from tests.earth.alone import (
    AUTO,
    PATIENT,
    Station,
    item,
    parts,
    published,
    request_of,
    shipment,
    wanted,
)
from tests.earth.rig import KEYRING, plan_of

APPROVE = Approve(request="r-1", task=TaskId("dig"), approved=True)


def test_with_the_automatic_policy_each_wish_is_approved_once():
    station = Station(AUTO)

    sent = parts(station.hear(wanted(1), wanted(2, "haul")), Directive)
    again = parts(station.hear(wanted(1), at_s=11), Directive)
    # A gateway on a new disk may send a record that Earth has had from the old one.
    again += parts(station.hear(wanted(1), at_s=12, era=BootId(10)), Directive)

    assert [(request_of(d).task, request_of(d).approved) for d in sent] == [
        ("dig", True),
        ("haul", True),
    ]
    assert all(decode(d.frame, KEYRING).role is Role.EARTH for d in sent)
    assert again == []


def test_an_automatic_approval_is_on_disk_with_the_wish_it_answers():
    station = Station(AUTO)
    effects = station.hear(wanted(1))

    kinds = [type(effect) for effect in effects]
    assert kinds[:3] == [Archive, Persist, Persist]
    assert {e.table for e in effects[1:3]} == {"inbox", "directive"}


def test_an_approval_that_takes_time_is_sent_when_it_is_over_and_not_before():
    station = Station(PATIENT)
    at_once = station.hear(wanted(1))

    early = station.tick(600) + station.hear(item(2, shipment(2)), at_s=605)
    # A sweep comes every half minute; what it orders goes out at the next tick.
    late = station.tick(640) + station.tick(641)

    assert parts(at_once + early, Directive) == []
    assert [request_of(d).task for d in parts(late, Directive)] == ["dig"]
    assert station.node.desk.wanted == {}


def test_a_wish_shows_on_earths_screen_while_people_take_their_time():
    station = Station(PATIENT)
    station.hear(wanted(1))

    (view,) = published(station.tick(31), msgspec.Struct)

    assert msgspec.json.decode(view.body.rows)[0]["approvals_wanted"] == {"dig": "Pit: dig"}


def test_an_approval_under_way_outlives_a_kill_of_the_station():
    station = Station(PATIENT)
    station.hear(wanted(1))

    early = station.start(at_s=300) + station.tick(590)
    late = station.start(at_s=640) + station.tick(642)
    again = station.start(at_s=700)

    assert parts(early, Directive) == []
    assert [request_of(d).task for d in parts(late, Directive)] == ["dig"]
    assert len({directive.id for directive in parts(late + again, Directive)}) == 1


def test_an_approval_of_an_outage_waits_on_earths_disk_for_the_next_contact():
    station = Station(PATIENT, plan_of((0, 100), (2_000, 3_000)))
    station.hear(wanted(1))

    in_outage = station.tick(640) + station.start(at_s=1_000)
    back = station.tick(2_000) + station.tick(2_001)

    assert parts(in_outage, Directive) == []
    assert station.disk.rows("directive")
    assert [request_of(d).task for d in parts(back, Directive)] == ["dig"]


def test_an_operator_s_word_in_an_outage_waits_for_the_next_contact_as_an_automatic_one_does():
    # One that was dropped after ten minutes left its task on nobody's list: it waited for ever.
    station = Station(PATIENT, plan_of((0, 100), (2_000, 3_000)))
    station.hear(wanted(1))

    in_outage = station.ask(APPROVE, at_s=110, expiry_s=600) + station.tick(900)
    back = station.tick(2_000) + station.tick(2_001)

    assert parts(in_outage, Directive) == []
    assert [request_of(d).task for d in parts(back, Directive)] == ["dig"]


def test_when_an_operator_has_spoken_no_automatic_word_follows():
    station = Station(PATIENT)
    station.hear(wanted(1))
    veto = Approve(request="r-1", task=TaskId("dig"), approved=False)

    sent = station.ask(veto, at_s=20) + station.tick(640) + station.tick(660)

    assert {d.id for d in parts(sent, Directive)} == {"ann.r-1"}


def test_of_more_wishes_than_a_list_holds_each_gets_its_yes():
    station = Station(PATIENT)
    for number in range(1, WANTED_MAX + 2):
        station.hear(wanted(number, f"task-{number}"))

    assert len(station.node.desk.wanted) == WANTED_MAX
    assert station.node.desk.orders.waiting == 1


def test_a_wish_that_cannot_be_read_is_left_out_and_told():
    station = Station(PATIENT)
    station.disk.commit(Persist("wanted", "dig", 0, b"\xc1"))

    effects = station.start(at_s=20)

    assert station.node.desk.wanted == {}
    assert [e.event for e in effects if isinstance(e, Note)] == ["row.left_out"]


def test_by_hand_a_task_waits_on_the_screen_until_an_operator_speaks():
    station = Station()
    station.hear(wanted(1))
    station.start(at_s=20)
    before = {task: wish.title for task, wish in station.node.desk.wanted.items()}

    effects = station.ask(APPROVE, at_s=21)
    station.start(at_s=22)

    assert before == {"dig": "Pit: dig"}
    assert [request_of(d).task for d in parts(effects, Directive)] == ["dig"]
    assert station.node.desk.wanted == {}


def test_the_list_of_waiting_tasks_is_bounded():
    station = Station()

    for number in range(1, WANTED_MAX + 10):
        station.hear(wanted(number, f"task-{number}"))

    assert len(station.node.desk.wanted) == WANTED_MAX
