import msgspec
import pytest

from lunaredge.ids import NodeId, TaskId
from lunaredge.node import Archive, Persist, Publish
from lunaredge.wire import topics
from lunaredge.wire.codec import decode
from lunaredge.wire.link import (
    Answered,
    Directive,
    DirectiveAck,
    ItemAck,
)
from lunaredge.wire.messages import (
    Answer,
    Approve,
    Explain,
    HoldRequest,
    RecordClass,
    Stop,
    Submit,
    Upload,
)
from lunaredge.wire.seal import Role
from tests.earth.alone import (
    RECORD,
    Station,
    item,
    parts,
    published,
    request_of,
    shipment,
    wanted,
)
from tests.earth.rig import (
    EARTH,
    KEYRING,
    OPERATOR,
    SCHEDULER,
    SITE,
    STRANGER,
    frame,
    plan_of,
    seconds,
)
from tests.wire.samples import ORDER

APPROVE = Approve(request="r-1", task=TaskId("dig"), approved=True)
HOLD = HoldRequest(request="r-1", node=NodeId("digger"), hold=True)


# --- items --------------------------------------------------------------------------------------


def test_an_item_is_archived_in_one_batch_with_its_number_before_anything_is_said():
    effects = Station().hear(item(1, shipment(1)))

    kinds = [type(effect) for effect in effects]
    assert kinds[:3] == [Archive, Persist, Publish]
    assert (effects[0].node, effects[0].boot, effects[0].seq) == ("scheduler", 7, 1)
    assert effects[0].record == RECORD


def test_an_item_is_shown_on_earths_broker_as_at_the_site():
    effects = Station().hear(item(1, shipment(4)))

    (mirrored,) = published(effects, Upload)
    assert effects[2].topic == "lunaredge/v1/rim/scheduler/up/event"
    assert (mirrored.body.boot, mirrored.body.seq, mirrored.body.record) == (7, 4, RECORD)
    assert mirrored.role is Role.EARTH


def test_a_repeated_item_is_archived_once_and_acknowledged_again():
    station = Station()
    station.hear(item(1, shipment(1)))
    station.tick(12)

    again = station.hear(item(1, shipment(1)), at_s=20)
    acks = parts(station.tick(21), ItemAck)

    assert not [e for e in again if isinstance(e, Archive)]
    assert acks == [ItemAck(record_class=RecordClass.EVENT, through=1)]


def test_acknowledgements_wait_a_second_for_more():
    station = Station()

    early = station.hear(item(1, shipment(1))) + station.hear(item(3, shipment(3)), at_s=10.5)
    wakeup_ns = station.node.wakeup_ns()
    due = station.tick(11)

    assert parts(early, ItemAck) == []
    assert wakeup_ns == seconds(11)
    (ack,) = parts(due, ItemAck)
    assert (ack.through, list(ack.ids())) == (1, [3])


def test_a_marker_is_archived_as_dropped():
    effects = Station().hear(
        item(1, shipment(40, b"", first_seq=1, count=40, dropped=True), RecordClass.RAW, span=40)
    )

    (archived,) = [e for e in effects if isinstance(e, Archive)]
    assert (archived.first_seq, archived.seq, archived.count, archived.dropped) == (1, 40, 40, True)


def test_a_payload_that_says_nothing_is_counted_and_still_acknowledged():
    station = Station()
    broken = msgspec.structs.replace(item(1, shipment(1)), chunk=b"\xc1")

    effects = station.hear(broken)

    assert not [e for e in effects if isinstance(e, Archive)]
    assert station.node.refusals.by_reason == {"garbage": 1}
    assert parts(station.tick(11), ItemAck)[0].through == 1


def test_a_restart_knows_what_it_has():
    station = Station()
    station.hear(item(1, shipment(1)), item(3, shipment(3)))

    station.start(at_s=20)
    effects = station.hear(*(item(number, shipment(number)) for number in (1, 2, 3)), at_s=21)

    assert [e.seq for e in effects if isinstance(e, Archive)] == [2]
    assert [archive.seq for archive in station.disk.archive] == [1, 3, 2]


def test_what_does_not_come_from_the_gateway_is_refused():
    station = Station()

    station.hear(item(1, shipment(1)), signer=EARTH)
    station.hear(Directive(id="x", not_before_ns=0, expires_ns=0, frame=b""))

    assert station.node.refusals.by_reason == {"role": 1, "unexpected": 1}
    assert station.disk.archive == []


# --- operators ----------------------------------------------------------------------------------


def test_an_operators_request_goes_up_signed_by_earth_with_his_expiry():
    station = Station()

    (directive,) = parts(station.ask(HOLD, expiry_s=300), Directive)

    received = decode(directive.frame, KEYRING)
    assert directive.id == "ann.r-1"
    assert directive.expires_ns == received.header.expiry_ns == seconds(310)
    assert received.role is Role.EARTH
    assert received.body == HoldRequest(request="ann.r-1", node=NodeId("digger"), hold=True)


def test_it_goes_up_again_until_the_site_has_it_and_no_longer():
    station = Station()
    station.ask(APPROVE)

    early = parts(station.tick(15), Directive)
    late = parts(station.tick(19), Directive)
    station.hear(DirectiveAck(id="ann.r-1", ok=True), at_s=20)
    after = parts(station.tick(60), Directive)

    assert (len(early), len(late), len(after)) == (0, 1, 0)


def test_a_restart_sends_what_the_site_has_not_got():
    station = Station()
    station.ask(APPROVE)

    again = parts(station.start(at_s=12), Directive)

    assert [directive.id for directive in again] == ["ann.r-1"]


def test_the_answer_reaches_the_one_who_asked_under_his_own_request():
    station = Station()
    station.ask(APPROVE)

    said = {"ok": True, "text": "approved", "rows": b"[1]", "code": "c0de"}

    effects = station.hear(item(1, Answered(directive="ann.r-1", **said)))

    (answer,) = published(effects, Answer)
    assert answer.body == Answer(request="r-1", **said)
    topic = next(e.topic for e in effects if isinstance(e, Publish))
    assert topic == "lunaredge/v1/rim/operator/reply/ann"


def test_a_repeated_request_is_not_sent_twice_and_gets_its_first_answer():
    station = Station()
    station.ask(APPROVE)
    waiting = station.ask(APPROVE, at_s=11)
    station.hear(item(1, Answered(directive="ann.r-1", ok=True, text="approved", rows=b"[]")))

    again = station.ask(APPROVE, at_s=12)

    assert parts(waiting, Directive) == published(waiting, Answer) == []
    assert [answer.body.text for answer in published(again, Answer)] == ["approved"]


def test_a_refusal_of_the_gateway_is_an_answer():
    station = Station()
    station.ask(APPROVE)

    effects = station.hear(DirectiveAck(id="ann.r-1", ok=False, reason="signature"))

    (answer,) = published(effects, Answer)
    assert not answer.body.ok
    assert "signature" in answer.body.text


def test_a_request_that_expires_in_an_outage_is_answered_and_never_sent_late():
    station = Station(plan=plan_of((0, 5), (2_000, 3_000)))
    station.ask(HOLD, expiry_s=600)

    effects = station.tick(700)
    late = station.tick(2_010)

    assert [answer.body.ok for answer in published(effects, Answer)] == [False]
    assert parts(late, Directive) == []


def test_a_stop_on_earths_broker_goes_up_first():
    station = Station(plan=plan_of((100, 3_000)))
    station.ask(APPROVE)
    stop = Stop(stop="halt-1", node=None, reason="boulder")
    payload = frame(OPERATOR, stop, expiry_ns=seconds(500), node="ann")
    station.node.receive(topics.stop_all(SITE), payload, seconds(11))

    station.tick(100)
    sent = parts(station.tick(101), Directive)

    assert request_of(sent[0]) == stop
    assert [directive.id for directive in sent] == ["ann.halt-1", "ann.r-1"]


def test_what_is_too_long_for_the_link_is_refused_with_the_figures():
    station = Station()
    order = msgspec.structs.replace(ORDER, title="x" * 900)

    effects = station.ask(Submit(request="r-2", order=order))

    (answer,) = published(effects, Answer)
    assert not answer.body.ok
    assert "880 at most" in answer.body.text
    assert parts(effects, Directive) == []


@pytest.mark.parametrize("request_id", ["", "x" * 120, "é" * 90])
def test_a_request_id_that_does_not_fit_is_refused_and_breaks_nothing(request_id):
    station = Station()

    effects = station.ask(Approve(request=request_id, task=TaskId("dig"), approved=True))
    after = station.ask(APPROVE)

    assert len(parts(effects, Directive)) + len(published(effects, Answer)) == 1
    assert len(parts(after, Directive)) == 1


@pytest.mark.parametrize(
    ("signer", "client", "reason"),
    [
        (STRANGER, "eve", "unknown_key"),
        (None, "eve", "not_authentic"),
        (SCHEDULER, "eve", "not_authentic"),
        (OPERATOR, "earth", "not_authentic"),
    ],
)
def test_who_may_not_ask_is_refused(signer, client, reason):
    station = Station()

    effects = station.ask(APPROVE, signer=signer, client=client)

    assert parts(effects, Directive) == []
    assert station.node.refusals.by_reason == {reason: 1}


def test_an_expired_request_is_refused():
    station = Station()

    station.ask(APPROVE, expiry_s=0)

    assert station.node.refusals.by_reason == {"expired": 1}


def test_whoever_may_read_may_ask_why():
    effects = Station().ask(Explain(request="r-3", task=TaskId("dig")), signer=None)

    assert [request_of(d).task for d in parts(effects, Directive)] == ["dig"]


def test_a_client_that_is_no_name_is_refused():
    station = Station()
    stop = Stop(stop="halt-1", node=None, reason="")
    payload = frame(OPERATOR, stop, expiry_ns=seconds(500), node="a/#")

    station.node.receive(topics.stop_all(SITE), payload, seconds(11))

    assert station.node.refusals.by_reason == {"unexpected": 1}


def test_the_view_says_what_came():
    station = Station()
    station.hear(item(1, shipment(1)), wanted(2), at_s=20)
    station.hear(item(2, shipment(2)), at_s=20)

    (view,) = published(station.tick(31), msgspec.Struct)

    (row,) = msgspec.json.decode(view.body.rows)
    assert (view.body.name, view.role) == ("earth", Role.EARTH)
    assert row["delivered"]["event"] == 2
    assert row["duplicates"]["event"] == 1
    assert row["heard_age_s"] == 11.0
    assert row["approvals_wanted"] == {"dig": "Pit: dig"}
