import msgspec
import pytest

from lunaredge.earth.gateway import LIVES_MAX, THROUGH_TABLE, GatewayConfig, GatewayNode
from lunaredge.earth.outbox import OutboxConfig
from lunaredge.ids import BootId, TaskId
from lunaredge.model.contact import ContactPlan
from lunaredge.node import Note, Persist, Publish, Row, Transmit
from lunaredge.wire import topics
from lunaredge.wire.codec import decode
from lunaredge.wire.link import (
    Answered,
    Directive,
    DirectiveAck,
    Item,
    ItemAck,
    LinkHeader,
    decode_datagram,
    decode_payload,
    encode_datagram,
)
from lunaredge.wire.messages import Answer, Approve, Census, RecordAck, RecordClass, Stop, Upload
from lunaredge.wire.seal import Role
from tests.earth.rig import (
    ARCHIVE,
    EARTH,
    GATEWAY,
    KEYRING,
    OPERATOR,
    SCHEDULER,
    SITE,
    STRANGER,
    frame,
    plan_of,
    seconds,
)

ERA = BootId(1 << 24)
CONFIG = GatewayConfig(site=SITE, preset="moonlight-s")
APPROVE = Approve(request="ann.r-1", task=TaskId("dig"), approved=True)


class Gateway:
    """A gateway alone, with its effects."""

    def __init__(self, config=CONFIG, plan=None, rows=()):
        self.node = GatewayNode(
            config, plan or plan_of((0, 10_000)), ERA, signer=GATEWAY, keyring=KEYRING
        )
        self.node.restore(rows, seconds(0))
        self.node.connected(seconds(0))
        self.node.take_effects()

    def upload(self, seq, at_s=10, signer=SCHEDULER, topic="", source=topics.SCHEDULER, **changes):
        fields = {
            "record_class": RecordClass.STATE,
            "boot": BootId(7),
            "first_seq": seq,
            "seq": seq,
            "floor_seq": 1,
            "count": 1,
            "dropped": False,
            "record": b"record",
        }
        upload = Upload(**(fields | changes))
        name = upload.record_class.value
        topic = topic or topics.build(SITE, source, "up", name)
        if source == topics.ARCHIVE:
            signer = ARCHIVE
        payload = frame(signer, upload, node=source)
        self.node.receive(topic, payload, seconds(at_s))
        return self.node.take_effects()

    def directive(self, body=APPROVE, at_s=10, signer=EARTH, **changes):
        expires_ns = seconds(at_s + 600)
        fields = {
            "id": "ann.r-1",
            "not_before_ns": seconds(at_s),
            "expires_ns": expires_ns,
            "frame": frame(signer, body, expiry_ns=expires_ns),
        }
        return self.hear(Directive(**(fields | changes)), at_s=at_s)

    def hear(self, *parts, at_s=10, signer=EARTH, era=ERA):
        header = LinkHeader(site=SITE, key=signer.key_id, era=era, sent_ns=seconds(at_s))
        self.node.datagram(encode_datagram(header, parts, signer), seconds(at_s))
        return self.node.take_effects()

    def answer(self, at_s=11, signer=SCHEDULER, request="ann.r-1"):
        body = Answer(request=request, ok=True, text="approved", rows=b"[1]", code="c0de")
        topic = topics.answer(SITE, topics.ClientId("earth"))
        self.node.receive(topic, frame(signer, body), seconds(at_s))
        return self.node.take_effects()

    def tick(self, at_s):
        self.node.tick(seconds(at_s))
        return self.node.take_effects()


def acks(effects):
    found = [decode(e.payload, KEYRING).body for e in effects if isinstance(e, Publish)]
    return [body.through_seq for body in found if isinstance(body, RecordAck)]


def parts(effects):
    sent = [e.payload for e in effects if isinstance(e, Transmit)]
    return [part for payload in sent for part in decode_datagram(payload, SITE, KEYRING).parts]


def handed_on(effects):
    return [e for e in effects if isinstance(e, Publish) and "/view/" not in e.topic]


# --- uploads ------------------------------------------------------------------------------------


def test_an_upload_is_on_disk_before_it_is_acknowledged_and_sent():
    effects = Gateway().upload(1)

    kinds = [type(effect) for effect in effects]
    assert kinds.index(Publish) > max(i for i, kind in enumerate(kinds[:3]) if kind is Persist)
    assert [e.table for e in effects[:3]] == ["outbox", "outbox_total", THROUGH_TABLE]
    assert acks(effects) == [1]
    assert [type(part) for part in parts(effects)] == [Item]


def test_a_repeated_upload_is_acknowledged_again_and_kept_once():
    gateway = Gateway()
    gateway.upload(1)

    effects = gateway.upload(1)

    assert acks(effects) == [1]
    assert gateway.node.outbox.items == 1
    assert gateway.node.refusals.by_reason == {"repeated": 1}


def test_an_upload_ahead_of_its_turn_is_not_taken():
    gateway = Gateway()

    effects = gateway.upload(2)

    assert acks(effects) == [0]
    assert gateway.node.outbox.items == 0


def test_a_hole_that_will_never_close_is_said_and_passed():
    effects = Gateway().upload(5, floor_seq=5)

    assert acks(effects) == [5]
    assert [e.fields["missing"] for e in effects if isinstance(e, Note)] == [4]


def test_a_restart_knows_what_was_taken():
    rows = [Row(THROUGH_TABLE, f"{7:015d}", 2, msgspec.msgpack.encode(4))]
    gateway = Gateway(rows=rows)

    assert acks(gateway.upload(4)) == [4]
    assert gateway.node.outbox.items == 0
    assert acks(gateway.upload(5)) == [5]


def test_what_does_not_fit_is_not_acknowledged_so_that_the_scheduler_keeps_it():
    config = GatewayConfig(site=SITE, outbox=OutboxConfig(bytes_max=600_000))
    gateway = Gateway(config, plan=ContactPlan(contacts=()))
    taken = [acks(gateway.upload(seq, record=bytes(200_000))) for seq in (1, 2, 3)]

    assert taken == [[1], [2], []]
    assert gateway.node.refusals.by_reason == {"outbox_full": 1}


def test_no_upload_may_be_unsigned():
    gateway = Gateway()

    assert acks(gateway.upload(1, signer=None)) == []
    assert gateway.node.refusals.by_reason == {"not_authentic": 1}


def test_the_archive_sends_up_summaries_under_its_own_numbers():
    gateway = Gateway()
    gateway.upload(1)

    effects = gateway.upload(1, source=topics.ARCHIVE, record_class=RecordClass.SUMMARY)

    assert acks(effects) == [1]
    (ack,) = [e for e in effects if isinstance(e, Publish) and e.topic.endswith("/ack")]
    assert ack.topic == topics.build(SITE, topics.ARCHIVE, "ack")
    assert gateway.node.outbox.items == 2


def test_an_alarm_of_the_archive_is_the_schedulers_to_pass_on():
    gateway = Gateway()

    effects = gateway.upload(1, source=topics.ARCHIVE, record_class=RecordClass.ALARM)

    assert acks(effects) == []
    assert gateway.node.outbox.items == 0


def test_the_archives_numbers_outlive_a_restart():
    gateway = Gateway(plan=ContactPlan(contacts=()))
    effects = gateway.upload(1, source=topics.ARCHIVE, record_class=RecordClass.SUMMARY)
    rows = [Row(e.table, e.scope, e.number, e.value) for e in effects if isinstance(e, Persist)]

    again = Gateway(plan=ContactPlan(contacts=()))
    again.node.restore(rows, seconds(2))
    again.upload(1, source=topics.ARCHIVE, record_class=RecordClass.SUMMARY)

    assert again.node.outbox.items == 1


@pytest.mark.parametrize("signer", [OPERATOR, STRANGER, EARTH])
def test_only_the_scheduler_may_upload(signer):
    gateway = Gateway()

    assert acks(gateway.upload(1, signer=signer)) == []
    assert gateway.node.outbox.items == 0


@pytest.mark.parametrize(
    ("topic", "reason"),
    [
        ("lunaredge/v1/rim/scheduler/up/alarm", "unexpected"),
        ("lunaredge/v1/rim/digger-1/up/state", "not_its_topic"),
        ("lunaredge/v1/other/scheduler/up/state", "topic"),
        ("nonsense", "topic"),
    ],
)
def test_an_upload_on_the_wrong_topic_is_refused(topic, reason):
    gateway = Gateway()

    assert acks(gateway.upload(1, topic=topic)) == []
    assert gateway.node.refusals.by_reason == {reason: 1}


def test_garbage_is_counted_and_noted_once_per_source():
    gateway = Gateway()
    notes = []

    for _ in range(5):
        gateway.node.receive(topics.build(SITE, topics.SCHEDULER, "up", "raw"), b"!", seconds(1))
        gateway.node.datagram(b"\x93\x01", seconds(1))
        notes += [e for e in gateway.node.take_effects() if isinstance(e, Note)]

    assert gateway.node.refusals.by_reason == {"garbage": 10}
    assert len(notes) == 2


def test_the_numbers_of_the_scheduler_are_bounded():
    gateway = Gateway(plan=ContactPlan(contacts=()))

    for boot in range(1, LIVES_MAX + 10):
        gateway.upload(1, boot=BootId(boot))

    assert len(gateway.node._through) == LIVES_MAX


# --- directives ---------------------------------------------------------------------------------


def test_a_directive_is_handed_on_as_earth_signed_it_once_it_is_on_disk():
    gateway = Gateway()

    effects = gateway.directive()

    (request,) = handed_on(effects)
    assert request.topic == "lunaredge/v1/rim/scheduler/request/earth"
    assert decode(request.payload, KEYRING).body == APPROVE
    assert decode(request.payload, KEYRING).header.key == "earth"
    tables = [e.table for e in effects if isinstance(e, Persist)]
    assert effects.index(request) > tables.index("taken")
    assert parts(effects) == [DirectiveAck(id="ann.r-1", ok=True)]


def test_a_repeated_directive_gets_the_same_answer_and_is_not_handed_on_again():
    gateway = Gateway()
    gateway.directive()

    effects = gateway.directive(at_s=12)

    assert handed_on(effects) == []
    assert parts(effects) == [DirectiveAck(id="ann.r-1", ok=True)]


def test_it_is_handed_on_again_until_the_scheduler_answers():
    gateway = Gateway()
    gateway.directive()

    again = handed_on(gateway.tick(20))
    gateway.answer(at_s=21)
    after = handed_on(gateway.tick(40))

    assert len(again) == 1
    assert after == []


def test_the_answer_goes_to_earth_once():
    gateway = Gateway()
    gateway.directive()

    items = parts(gateway.answer()) + parts(gateway.answer(at_s=12))

    (item,) = [part for part in items if isinstance(part, Item)]
    assert decode_payload(item.chunk) == Answered(
        directive="ann.r-1", ok=True, text="approved", rows=b"[1]", code="c0de"
    )


def test_only_the_schedulers_answer_counts():
    gateway = Gateway()
    gateway.directive()

    effects = gateway.answer(signer=OPERATOR)

    assert parts(effects) == []
    assert gateway.node.refusals.by_reason == {"not_authentic": 1}


def test_a_directive_waits_for_its_time():
    gateway = Gateway()
    early = gateway.directive(not_before_ns=seconds(100))

    before = gateway.tick(99)
    wakeup_ns = gateway.node.wakeup_ns()
    after = gateway.tick(100)

    assert handed_on(early) == handed_on(before) == []
    assert wakeup_ns <= seconds(100)
    assert len(handed_on(after)) == 1


def test_an_expired_directive_changes_nothing_and_is_counted():
    gateway = Gateway()

    effects = gateway.directive(expires_ns=seconds(10))
    inner = gateway.directive(frame=frame(EARTH, APPROVE, expiry_ns=seconds(9)))

    assert handed_on(effects) == handed_on(inner) == []
    assert parts(effects) == [DirectiveAck(id="ann.r-1", ok=False, reason="expired")]
    assert gateway.node.commands_refused == 2


@pytest.mark.parametrize(
    ("signer", "body", "reason"),
    [
        (OPERATOR, APPROVE, "not_authentic"),
        (SCHEDULER, APPROVE, "not_authentic"),
        (STRANGER, APPROVE, "unknown_key"),
        (EARTH, Census(command=topics.NodeId("c"), boot=BootId(1)), "unexpected"),
    ],
)
def test_a_directive_must_hold_a_request_that_earth_signed(signer, body, reason):
    gateway = Gateway()

    effects = gateway.directive(body, signer=signer)

    assert handed_on(effects) == []
    assert parts(effects) == [DirectiveAck(id="ann.r-1", ok=False, reason=reason)]
    assert gateway.node.commands_refused == 1


def test_a_stop_goes_to_every_node_and_is_answered_by_the_gateway():
    gateway = Gateway()

    effects = gateway.directive(Stop(stop="halt-1", node=None, reason="boulder"))

    assert [e.topic for e in handed_on(effects)] == ["lunaredge/v1/rim/all/stop"]
    (item,) = [part for part in parts(effects) if isinstance(part, Item)]
    assert decode_payload(item.chunk).ok


def test_an_unanswered_directive_is_reported_after_its_expiry():
    gateway = Gateway()
    gateway.directive()
    gateway.hear(at_s=600)

    effects = gateway.tick(10 + 600 + 61) + gateway.hear(at_s=700)

    told = [decode_payload(p.chunk) for p in parts(effects) if isinstance(p, Item)]
    assert [(answered.ok, answered.text) for answered in told] == [
        (False, "no answer before its expiry")
    ]


def test_nothing_is_handed_on_while_the_broker_is_away():
    gateway = Gateway()
    gateway.node.disconnected(seconds(5))

    away = gateway.directive()
    gateway.node.connected(seconds(12))
    back = gateway.node.take_effects()

    assert handed_on(away) == []
    assert len(handed_on(back)) == 1


# --- the link -----------------------------------------------------------------------------------


def test_a_reflected_datagram_is_refused():
    gateway = Gateway()
    gateway.hear(ItemAck(record_class=RecordClass.STATE, through=0), signer=GATEWAY)

    assert gateway.node.refusals.by_reason == {"role": 1}
    assert gateway.node.line.heard_ns is None


def test_acknowledgements_of_another_era_or_of_the_future_change_nothing():
    gateway = Gateway()
    gateway.upload(1)
    ack = ItemAck(record_class=RecordClass.STATE, through=1)

    gateway.hear(ack, era=BootId(3))
    gateway.hear(ItemAck(record_class=RecordClass.STATE, through=2))

    assert gateway.node.outbox.items == 1
    assert gateway.node.refusals.by_reason == {"other_era": 1, "ack_ahead": 1}


def test_items_from_earth_are_no_business_of_the_gateway():
    gateway = Gateway()
    item = parts(gateway.upload(1))[0]

    gateway.hear(item)

    assert gateway.node.refusals.by_reason == {"unexpected": 1}


def test_the_view_says_what_the_link_does():
    gateway = Gateway(plan=plan_of((0, 100), (1000, 2000)))
    gateway.hear(at_s=20)
    gateway.upload(1, at_s=90)

    effects = gateway.tick(130)

    (published,) = [e for e in effects if isinstance(e, Publish)]
    received = decode(published.payload, KEYRING)
    view = received.body
    (row,) = msgspec.json.decode(view.rows)
    assert published.retain
    assert received.role is Role.GATEWAY
    assert published.topic == "lunaredge/v1/rim/view/view/link"
    assert (row["state"], row["autonomy"], row["outages"]) == ("planned", "A1", 1)
    assert row["countdown_s"] == 870.0
    assert row["heard_age_s"] == 110.0
    assert row["light_time_s"] is None
    assert row["backlog"]["state"]["items"] == 1
    assert row["backlog_peak"]["items"] == 1
    assert row["rate_bps"] == 1e6
    assert view.site_ns == seconds(130)


def test_a_row_that_cannot_be_read_is_left_out_and_said():
    node = GatewayNode(CONFIG, plan_of((0, 10)), ERA, signer=GATEWAY, keyring=KEYRING)

    node.restore([Row("outbox", "0/1", 1, b"\xc1"), Row("taken", "1", 0, b"\xc1")], seconds(0))
    node.restore([Row(THROUGH_TABLE, "7", 9, b"\x01")], seconds(0))

    notes = [e for e in node.take_effects() if isinstance(e, Note) and e.event == "row.left_out"]
    assert len(notes) == 3
