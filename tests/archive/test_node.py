"""What the archive tells: acknowledgements, the last values, alarms, summaries."""

import msgspec
import pytest

from lunaredge.archive.latest import Quality
from lunaredge.ids import BootId, NodeId
from lunaredge.model.limits import ChannelLimits
from lunaredge.node import Keep, KeepKind
from lunaredge.units import NS_PER_S
from lunaredge.wire import messages, topics
from lunaredge.wire.messages import Answer, LatestRequest, RecordAck, RecordClass, Upload
from lunaredge.wire.records import Alarm, NodeRecord, Summary, decode_record
from lunaredge.wire.telemetry import Channel
from tests.archive.rig import BOOT, CHANNELS, DOZER, ROVER, SITE, Books, batch, upload

LIMITS = {DOZER: {"battery_wh": ChannelLimits(critical_low=10.0, unit="Wh")}}


@pytest.fixture
def books() -> Books:
    books = Books()
    books.announce()
    return books


def latest(books: Books, node: str = DOZER) -> list[dict[str, object]]:
    """Ask for the last values of a node."""
    asked = LatestRequest(request="r1", node=NodeId(node))
    topic = topics.build(SITE, topics.ARCHIVE, "request", "operator-mari")
    books.hear(topic, books.frame(asked, books.signers["operator-mari"]))
    answer = books.published[-1][1]
    assert isinstance(answer, Answer)
    assert answer.ok, answer.text
    rows: list[dict[str, object]] = msgspec.json.decode(answer.rows)
    return rows


def passed_on(books: Books, record_class: RecordClass) -> list[object]:
    """Give what the archive sends on, once each."""
    topic = topics.build(SITE, topics.ARCHIVE, "up", record_class.value)
    found = {
        (body.boot, body.seq): decode_record(body.record)
        for at, body in books.published
        if at == topic and isinstance(body, Upload)
    }
    return list(found.values())


def test_a_value_is_shown_with_its_age_and_quality(books: Books) -> None:
    books.send(books.samples(1, 1.0, 2.5))
    books.wait(4)

    battery, slip = latest(books)

    assert (battery["value"], battery["quality"], battery["unit"]) == (2.5, "good", "Wh")
    assert battery["age_s"] == pytest.approx(4.0)
    assert (slip["value"], slip["quality"], slip["age_s"]) == (None, "unknown", None)


def test_a_value_that_stays_is_as_fresh_as_its_nodes_last_word(books: Books) -> None:
    books.send(books.samples(1, 1.0))
    books.wait(60)
    books.send(upload(2, batch(books.now_ns - 60 * NS_PER_S, []), 0))
    start_ns = books.now_ns - 59 * NS_PER_S

    (battery, _) = latest(books)

    assert battery["quality"] == "stale"
    assert battery["age_s"] == pytest.approx((books.now_ns - start_ns) / NS_PER_S)


def test_whoever_says_nothing_is_stale_and_not_blank(books: Books) -> None:
    books.send(books.samples(1, 1.0))
    books.wait(100)

    assert latest(books)[0]["quality"] == "stale"


def test_late_samples_change_nothing_that_is_shown_as_now(books: Books) -> None:
    books.send(books.samples(2, 5.0, floor_seq=1))
    books.send(books.samples(1, 1.0, ago_s=600, floor_seq=1))

    assert latest(books)[0]["value"] == 5.0


def test_what_was_last_known_outlives_a_restart(books: Books) -> None:
    books.send(books.samples(1, 3.0))
    books.wait(31)
    books.restart()

    assert latest(books)[0]["value"] == 3.0


def test_a_node_that_is_not_enrolled_has_no_values(books: Books) -> None:
    asked = LatestRequest(request="r1", node=NodeId("ghost"))
    topic = topics.build(SITE, topics.ARCHIVE, "request", "operator-mari")
    books.hear(topic, books.frame(asked, books.signers["operator-mari"]))

    answer = books.published[-1][1]
    assert isinstance(answer, Answer)
    assert not answer.ok
    assert "ghost" in answer.text


def test_so_many_questions_are_answered_in_a_second(books: Books) -> None:
    books.send(books.samples(1, 1.0))
    asked = LatestRequest(request="r1", node=DOZER)
    frame = books.frame(asked, books.signers["operator-mari"])
    before = len(books.published)

    for _ in range(80):
        books.hear(topics.build(SITE, topics.ARCHIVE, "request", "operator-mari"), frame)

    answers = [body for _, body in books.published[before:] if isinstance(body, Answer)]
    assert len(answers) == 50
    assert books.archive.refusals.by_reason == {"too_many": 30}
    books.wait(1)
    assert latest(books)


def test_a_live_value_out_of_its_limits_raises_an_alarm_with_the_scheduler() -> None:
    books = Books(limits=LIMITS)
    books.announce()
    books.send(books.samples(1, 50.0, 5.0))
    books.wait(1)

    # A new archive can't know what is up, so the first value of each channel is told as well.
    inside, found = passed_on(books, RecordClass.ALARM)

    assert isinstance(inside, NodeRecord)
    assert not inside.record.active
    assert isinstance(found, NodeRecord)
    assert isinstance(found.record, Alarm)
    assert (found.node, found.record.code) == (DOZER, "limit.battery_wh")
    assert found.record.active


def test_a_value_that_was_out_and_came_back_between_two_words_is_told() -> None:
    books = Books(limits=LIMITS)
    books.announce()
    books.send(books.samples(1, 50.0, 5.0, 50.0))
    books.wait(1)

    found = passed_on(books, RecordClass.ALARM)

    actives = [each.record.active for each in found if isinstance(each, NodeRecord)]
    assert actives == [True, False], "it was told of, though its last value is inside"


def test_backfill_trips_no_alarm() -> None:
    books = Books(limits=LIMITS)
    books.announce()
    books.send(books.samples(1, 5.0, ago_s=3600))
    books.wait(1)

    assert not passed_on(books, RecordClass.ALARM)
    assert [keep.late for keep in books.kept] == [True]


def test_an_alarm_is_passed_on_until_the_scheduler_has_it() -> None:
    books = Books(limits=LIMITS)
    books.announce()
    books.send(books.samples(1, 5.0))
    books.wait(1)
    books.restart()
    books.published.clear()
    books.wait(20)
    assert len(passed_on(books, RecordClass.ALARM)) == 1

    sent = next(body for _, body in books.published if isinstance(body, Upload))
    ack = RecordAck(record_class=RecordClass.ALARM, boot=sent.boot, through_seq=sent.seq)
    topic = topics.build(SITE, topics.ARCHIVE, "ack")
    books.hear(topic, books.frame(ack, books.signers["scheduler"]))
    books.published.clear()
    books.wait(60)

    assert not passed_on(books, RecordClass.ALARM)


def test_only_whom_it_feeds_may_acknowledge() -> None:
    books = Books()
    ack = RecordAck(record_class=RecordClass.ALARM, boot=BootId(1), through_seq=9)
    topic = topics.build(SITE, topics.ARCHIVE, "ack")
    books.hear(topic, books.frame(ack, books.signers[DOZER]))

    assert books.archive.refusals.by_reason == {"not_authentic": 1}


def test_a_summary_of_each_period_goes_toward_earth(books: Books) -> None:
    books.send(books.samples(1, 1.0, 7.0, 4.0))
    books.wait(1_500)

    (summary,) = passed_on(books, RecordClass.SUMMARY)

    assert isinstance(summary, Summary)
    assert summary.node == DOZER
    assert summary.rows == {"battery_wh": (1.0, 7.0, 4.0, 3)}


def test_a_period_that_comes_late_has_a_summary_of_its_own(books: Books) -> None:
    books.send(books.samples(2, 1.0, floor_seq=1))
    books.send(books.samples(1, 9.0, ago_s=7_200, floor_seq=1))
    books.wait(1_500)

    found = passed_on(books, RecordClass.SUMMARY)

    rows = sorted(each.rows["battery_wh"][0] for each in found if isinstance(each, Summary))
    assert rows == [1.0, 9.0]


def test_a_lone_newest_upload_is_acknowledged_within_seconds(books: Books) -> None:
    books.send(books.samples(1, 1.0))
    books.wait(4.8)
    assert not books.acks()

    books.wait(0.5)

    assert [ack.through_seq for ack in books.acks()] == [1]


def test_a_sender_with_a_backlog_is_answered_as_soon_as_it_is_safe(books: Books) -> None:
    books.send(books.samples(20, 1.0, floor_seq=1))
    books.wait(0.3)

    (ack,) = books.acks()
    assert ack.window == 32
    assert len(books.of_kind(KeepKind.SAMPLES)) == 1


def test_many_that_drain_share_what_may_be_under_way() -> None:
    books = Books(under_way_max=8)
    for node in (DOZER, ROVER):
        books.announce(node)
        books.send(books.samples(20, 1.0, floor_seq=1), node=node)
    books.wait(0.3)

    assert books.acks(ROVER)[-1].window == 4


def test_a_drain_goes_no_faster_than_its_rate() -> None:
    books = Books(drain_uploads_per_s=10.0)
    books.announce()
    for seq in range(400, 340, -1):
        books.send(books.samples(seq, 1.0, floor_seq=1))
    books.wait(0.3)
    books.send(books.samples(340, 1.0, floor_seq=1))
    books.published.clear()
    books.wait(4.5)
    assert not books.acks()

    books.wait(1.5)

    assert len(books.acks()) == 1


def test_the_view_tells_of_each_node(books: Books) -> None:
    books.send(books.samples(8, 1.0, 2.0, floor_seq=5))

    row = books.intake_row()

    assert (row["archived"], row["missing"], row["backlog"]) == (2, 4, 3)
    assert books.intake_row(ROVER)["age_s"] is None


def test_what_is_no_message_of_the_archive_is_refused(books: Books) -> None:
    time = messages.TimeRequest(local_ns=1)
    books.hear(topics.build(SITE, DOZER, "birth"), books.frame(time, books.signers[DOZER]))
    books.hear(topics.build(SITE, topics.ARCHIVE, "ack"), books.frame(time, books.signers[DOZER]))

    assert books.archive.refusals.by_reason == {"unexpected": 2}
    assert BOOT


def test_an_acknowledgement_that_had_to_wait_covers_nothing_that_is_not_kept() -> None:
    books = Books(drain_uploads_per_s=10.0)
    books.announce()
    for seq in range(60, 20, -1):
        books.send(books.samples(seq, 1.0, floor_seq=1))
    books.wait(0.25)
    books.send(books.samples(20, 1.0, floor_seq=1))
    books.wait(0.25)

    # The answer to the one before waits for the rate; these come meanwhile.
    for seq in range(19, 0, -1):
        books.send(books.samples(seq, 1.0, floor_seq=1))
        books.now_ns += NS_PER_S // 6
        books.archive.tick(books.now_ns)
        for effect in books.archive.take_effects():
            books.disk.commit([effect]) if isinstance(effect, Keep) else books.note(effect)
        kept = {number for keep in books.kept for number in (keep.first_seq, keep.last_seq)}
        acked = {number for ack in books.acks() for each in ack.ranges for number in each}
        assert acked <= kept
    assert len(books.acks()) > 1


# --- clocks --------------------------------------------------------------------------------------


@pytest.mark.parametrize("lives", [1, 2])
def test_a_clock_that_was_ahead_and_is_set_right_silences_no_alarm(lives: int) -> None:
    books = Books(limits={DOZER: {"battery_wh": ChannelLimits(critical_low=100.0, unit="Wh")}})
    books.announce()
    books.now_ns += 6 * 3600 * NS_PER_S
    books.send(books.samples(1, 4000.0))
    books.wait(40)

    books.now_ns -= 6 * 3600 * NS_PER_S
    if lives > 1:
        books.restart()
        (shown, _) = books.archive.latest.show(DOZER, CHANNELS, books.now_ns)
        assert shown.quality is Quality.UNKNOWN
    books.send(books.samples(2, 50.0))
    books.wait(10)

    assert [keep.late for keep in books.of_kind(KeepKind.SAMPLES)] == [False, False]
    (shown, _) = books.archive.latest.show(DOZER, CHANNELS, books.now_ns)
    assert (shown.value, shown.quality) == (50.0, Quality.GOOD)
    alarm = passed_on(books, RecordClass.ALARM)[-1]
    assert isinstance(alarm, NodeRecord)
    assert "under its critical limit" in alarm.record.text


def apart(books: Books, node: str, seq: int, ahead_s: float) -> None:
    """Have a node send a sample by a clock that is ahead of the archive's."""
    ahead_ns = round(ahead_s * NS_PER_S)
    sent = upload(seq, batch(books.now_ns + ahead_ns - NS_PER_S, [50.0]), 1)
    frame = books.frame(sent, books.tagger(NodeId(node)), site_ns=books.now_ns + ahead_ns)
    books.hear(topics.build(SITE, NodeId(node), "up", "raw"), frame)


def clock_alarms(books: Books) -> list[bool]:
    """Give whether each word on the archive's clock raised its alarm."""
    told = [each for each in passed_on(books, RecordClass.ALARM) if isinstance(each, NodeRecord)]
    return [
        each.record.active
        for each in told
        if isinstance(each.record, Alarm) and each.record.code == "clock.apart"
    ]


def test_where_most_nodes_are_ahead_the_archive_doubts_its_own_clock() -> None:
    books = Books()
    for node in (DOZER, ROVER):
        books.announce(node)

    # The first one is alone with its voice, and not believed.
    for seq in (1, 2, 2):
        for node in (DOZER, ROVER):
            apart(books, node, seq, 300.0)
        books.wait(20)

    assert books.archive.refusals.by_reason == {"clock_doubtful": 5}
    assert not books.of_kind(KeepKind.SAMPLES)
    told = passed_on(books, RecordClass.ALARM)[-1]
    assert isinstance(told, NodeRecord)
    assert (told.node, told.record.code, told.record.active) == ("archive", "clock.apart", True)
    assert told.record.text.startswith("2 of 2 nodes are 300 s ahead of the archive")

    books.now_ns += 300 * NS_PER_S
    for node in (DOZER, ROVER):
        apart(books, node, 2, 0.0)
    books.wait(60)

    assert len(books.of_kind(KeepKind.SAMPLES)) == 2
    told = passed_on(books, RecordClass.ALARM)[-1]
    assert isinstance(told, NodeRecord)
    assert not told.record.active


def test_where_one_node_of_two_is_ahead_it_is_that_nodes_clock() -> None:
    books = Books()
    for node in (DOZER, ROVER):
        books.announce(node)

    apart(books, ROVER, 1, 0.0)
    apart(books, DOZER, 1, 300.0)
    books.wait(60)

    (kept,) = books.of_kind(KeepKind.QUARANTINED)
    assert (kept.node, kept.reason) == (DOZER, "clock_ahead")
    assert clock_alarms(books) == [False]


# --- memory --------------------------------------------------------------------------------------


def test_a_node_that_goes_from_table_to_table_fills_no_memory() -> None:
    books = Books()
    other = (Channel(name="motor_c", unit="degC"),)
    books.announce()
    books.announce(channels=other)
    for seq in range(1, 201):
        channels = (CHANNELS, other)[seq % 2]
        books.send(upload(seq, batch(books.now_ns - 2 * NS_PER_S, [1.0], channels), 1))
        books.now_ns += NS_PER_S // 100

    (periods,) = books.archive._summaries._open.values()
    assert max(len(period.tallies) for period in periods.values()) == 2


# --- tables --------------------------------------------------------------------------------------


def test_each_life_is_asked_for_a_table_that_is_not_known_whatever_an_earlier_one_said() -> None:
    books = Books()
    books.send(books.samples(1, 1.0))
    books.announce()
    books.send(books.samples(1, 1.0))
    books.wait(20)
    later = BootId(2 << 24)
    wider = (*CHANNELS, Channel(name="motor_c", unit="degC"))
    books.published.clear()

    record = batch(books.now_ns - 3 * NS_PER_S, [5.0], wider)
    books.send(upload(1, record, 1, boot=later))

    asked = [body for _, body in books.published if isinstance(body, messages.RebirthRequest)]
    assert len(asked) == 1
    books.announce(channels=wider, boot=later)
    books.send(upload(1, record, 1, boot=later))
    books.wait(1)
    assert [keep.kind for keep in books.kept] == [KeepKind.SAMPLES] * 2


def test_a_clock_that_is_set_right_by_a_restart_ends_its_alarm() -> None:
    books = Books()
    for node in (DOZER, ROVER):
        books.announce(node)
        apart(books, node, 1, 300.0)
    books.wait(40)
    assert clock_alarms(books) == [True]

    books.restart()
    books.wait(60)
    assert clock_alarms(books) == [True]
    for node in (DOZER, ROVER):
        apart(books, node, 2, 0.0)
    books.wait(60)

    assert clock_alarms(books) == [True, False]


def test_what_is_said_again_makes_no_clock_doubtful() -> None:
    books = Books()
    tape = []
    for node in (DOZER, ROVER):
        books.announce(node)
        sent = books.samples(1, 1.0)
        tape.append((topics.build(SITE, node, "up", "raw"), books.frame(sent, books.tagger(node))))
    books.wait(7_200)
    books.restart()
    for node in (DOZER, ROVER):
        books.announce(node)  # retained, and given again with its time of long ago
        books.send(books.samples(2, 1.0), node)
    for _ in range(100):
        for topic, frame in tape:
            books.hear(topic, frame)
        books.wait(10)
        for seq, node in enumerate((DOZER, ROVER), start=3):
            books.send(books.samples(seq, 1.0), node)

    assert True not in clock_alarms(books)


def test_what_waited_while_the_archive_stood_still_makes_no_clock_doubtful() -> None:
    books = Books()
    waited = []
    for seq in range(1, 40):
        for node in (DOZER, ROVER):
            books.announce(node)
            sent = books.frame(books.samples(seq, 1.0), books.tagger(node))
            waited.append((topics.build(SITE, node, "up", "raw"), sent))
        books.now_ns += 60 * NS_PER_S

    for topic, frame in waited:
        books.hear(topic, frame)
        books.wait(5)

    assert True not in clock_alarms(books)


def test_an_archive_that_runs_ahead_of_most_nodes_says_so_after_a_time() -> None:
    books = Books()
    for seq in range(1, 15):
        for node in (DOZER, ROVER):
            books.announce(node)
            apart(books, node, seq, -300.0)
        books.wait(60)

    assert clock_alarms(books) == [True]
