from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunaredge.agent.announcer import Announcer
from lunaredge.agent.clock import ClockErrors, SiteClock
from lunaredge.agent.outlet import Outlet
from lunaredge.agent.spool import Spool
from lunaredge.errors import RemoteProtocolError
from lunaredge.ids import BootId
from lunaredge.node import Effect, Erase, Persist, Publish, Row
from lunaredge.wire import codec
from lunaredge.wire.messages import RecordAck, RecordClass, Upload
from lunaredge.wire.records import Dropped, Event, Record, decode_record
from lunaredge.wire.seal import SIGNATURE_BYTES, TAG_BYTES, Role
from lunaredge.wire.session import Limits
from lunaredge.wire.telemetry import Channel, Samples, Series, pack
from tests.agent.rig import AGENT_KEY, ARCHIVE_KEY, EVERYBODY, KEYRING, boot_of, config
from tests.agent.toy_machine import seconds

BYTES_MAX = 70_000
FIRST = boot_of(1)
CHANNELS = (Channel(name="x_m", unit="m"), Channel(name="motor_c", unit="degC"))
Disk = dict[tuple[str, str, int], bytes]


class Desk:
    """A spool, its disk, and a receiver that acknowledges what it is told to."""

    def __init__(self, disk: Disk | None = None, boot: BootId = FIRST) -> None:
        self.disk: Disk = {} if disk is None else disk
        errors = ClockErrors(drift_ppm=100.0, unwatched_ratio=0.12, apart_ns_max=seconds(2))
        self.outlet = Outlet(config(), boot, AGENT_KEY, SiteClock(errors, seconds(20)))
        self.outlet.connected = True
        limits = Limits(bytes_max=BYTES_MAX, resend_ns=seconds(20))
        announcer = Announcer(self.outlet, CHANNELS)
        self.spool = Spool(self.outlet, boot, limits, seconds(30), announcer)
        self.spool.bulk_sealer = AGENT_KEY.tagger(ARCHIVE_KEY.public)
        rows = [Row(*key, value) for key, value in sorted(self.disk.items())]
        self.restored = self.spool.restore(rows)

    def settle(self, now_ns: int = 0) -> list[Effect]:
        self.spool.pump(now_ns)
        effects = self.outlet.take()
        for effect in effects:
            if isinstance(effect, Persist):
                self.disk[(effect.table, effect.scope, effect.number)] = effect.value
            elif isinstance(effect, Erase):
                for key in [k for k in self.disk if k[:2] == (effect.table, effect.scope)]:
                    if effect.first <= key[2] <= effect.through:
                        del self.disk[key]
        return effects


def event(text: str = "") -> Record:
    return Event(site_ns=1, code="test", text=text)


def raw(size_bytes: int = 400, value: float = 0.0, start_ns: int = 0) -> Record:
    count = max(1, size_bytes // 16)
    times_ns = [start_ns + turn for turn in range(count)]
    series = Series(range(count), [value] * count)
    return pack(CHANNELS, Samples(times_ns, [series, series], []), (start_ns, start_ns + count))


def uploads(effects: list[Effect]) -> list[Upload]:
    bodies = [codec.decode(e.payload, EVERYBODY).body for e in effects if isinstance(e, Publish)]
    return [body for body in bodies if isinstance(body, Upload)]


def ack(through: int = 0, *ranges: tuple[int, int], boot: BootId = FIRST) -> RecordAck:
    return RecordAck(
        record_class=RecordClass.RAW, boot=boot, through_seq=through, ranges=ranges, window=32
    )


def drained(desk: Desk, now_ns: int = 0) -> list[Upload]:
    """Take telemetry, commit and acknowledge it until nothing is left; give it, oldest first."""
    taken: list[Upload] = []
    desk.spool.acknowledge(ack())
    while sent := uploads(desk.settle(now_ns)):
        taken += sent
        for upload in sent:
            desk.spool.acknowledge(ack(0, (upload.first_seq, upload.seq), boot=upload.boot))
    return sorted(taken, key=lambda upload: upload.seq)


def dropped_of(upload: Upload) -> Dropped:
    record = decode_record(upload.record)
    assert isinstance(record, Dropped)
    return record


def test_alarms_events_and_state_are_on_disk_before_they_are_published() -> None:
    for record_class in (RecordClass.ALARM, RecordClass.EVENT, RecordClass.STATE):
        desk = Desk()
        desk.spool.keep(event(), record_class, 1, 0)

        effects = desk.settle()

        assert [type(effect) for effect in effects] == [Persist, Publish]


def test_telemetry_goes_out_from_memory_and_to_disk_only_when_it_stays() -> None:
    desk = Desk()
    desk.spool.keep(raw(), RecordClass.RAW, 4, 0)
    assert [type(effect) for effect in desk.settle()] == [Publish]

    desk.spool.write_late(seconds(29))
    assert desk.disk == {}
    desk.spool.write_late(seconds(30))
    desk.settle(seconds(30))

    assert len(desk.disk) == 1


def test_what_the_scheduler_committed_is_erased() -> None:
    desk = Desk()
    for number in range(3):
        desk.spool.keep(event(str(number)), RecordClass.EVENT, 1, 0)
    desk.settle()

    desk.spool.acknowledge(
        RecordAck(record_class=RecordClass.EVENT, boot=boot_of(1), through_seq=2)
    )
    desk.settle()

    assert [number for *_, number in desk.disk] == [3]
    assert desk.spool.count == 1


def test_acknowledged_telemetry_that_never_was_on_disk_costs_no_write() -> None:
    desk = Desk()
    desk.spool.keep(raw(), RecordClass.RAW, 4, 0)
    desk.settle()

    desk.spool.acknowledge(RecordAck(record_class=RecordClass.RAW, boot=boot_of(1), through_seq=1))

    assert desk.settle() == []


def test_nothing_is_sent_while_the_broker_is_out_of_reach() -> None:
    desk = Desk()
    desk.outlet.connected = False

    desk.spool.keep(event(), RecordClass.EVENT, 1, 0)
    assert [type(effect) for effect in desk.settle()] == [Persist]
    desk.outlet.connected = True

    assert len(uploads(desk.settle())) == 1


def test_an_unacknowledged_upload_is_sent_again_after_its_time() -> None:
    desk = Desk()
    desk.spool.keep(event(), RecordClass.EVENT, 1, 0)
    desk.settle()

    assert uploads(desk.settle(seconds(19))) == []
    assert len(uploads(desk.settle(seconds(20)))) == 1


def test_telemetry_is_sealed_for_the_archive_alone_and_the_rest_for_everybody() -> None:
    desk = Desk()
    desk.spool.keep(event(), RecordClass.EVENT, 1, 0)
    desk.spool.keep(raw(), RecordClass.RAW, 4, 0)

    frames = [effect.payload for effect in desk.settle() if isinstance(effect, Publish)]

    event_frame, raw_frame = frames
    assert codec.decode(event_frame, KEYRING).role is Role.NODE
    assert codec.decode(raw_frame, EVERYBODY).role is Role.NODE
    with pytest.raises(RemoteProtocolError, match="signature"):
        codec.decode(raw_frame, KEYRING)
    assert len(event_frame) - len(raw_frame) < SIGNATURE_BYTES - TAG_BYTES


def test_where_no_archive_is_enrolled_telemetry_is_signed() -> None:
    desk = Desk()
    desk.spool.bulk_sealer = None
    desk.spool.keep(raw(), RecordClass.RAW, 4, 0)

    (effect,) = desk.settle()

    assert isinstance(effect, Publish)
    assert codec.decode(effect.payload, KEYRING).role is Role.NODE


def test_the_urgent_goes_first_and_telemetry_newest_first() -> None:
    desk = Desk()
    desk.outlet.connected = False
    for number in range(3):
        desk.spool.keep(raw(), RecordClass.RAW, 1, number)
        desk.spool.keep(event(), RecordClass.EVENT, 1, number)
    desk.spool.acknowledge(ack())
    desk.outlet.connected = True

    sent = uploads(desk.settle(3))

    assert [(u.record_class.value, u.seq) for u in sent] == [
        ("event", 1),
        ("event", 2),
        ("event", 3),
        ("raw", 3),
        ("raw", 2),
        ("raw", 1),
    ]


def test_telemetry_that_waits_is_written_together_once_a_minute() -> None:
    desk = Desk()
    written = []
    for turn in range(60):
        desk.spool.keep(raw(), RecordClass.RAW, 1, seconds(5 * turn))
        desk.spool.write_late(seconds(5 * turn))
        written.append(sum(isinstance(e, Persist) for e in desk.settle(seconds(5 * turn))))

    commits = [turn for turn, count in enumerate(written) if count]
    assert commits == [6, 18, 30, 42, 54]
    # The oldest that is not written waits for half a minute and then at most for a whole one.
    assert sum(written) == 54 - 6 + 1


def test_a_clock_that_went_back_does_not_keep_telemetry_off_the_disk() -> None:
    desk = Desk()
    desk.spool.keep(raw(), RecordClass.RAW, 1, seconds(1000))
    desk.spool.write_late(seconds(1040))
    desk.spool.keep(raw(), RecordClass.RAW, 1, seconds(1050))
    desk.spool.keep(raw(), RecordClass.RAW, 1, seconds(5))

    desk.spool.write_late(seconds(40))
    desk.settle()

    assert [number for *_, number in desk.disk] == [1, 2, 3]


def test_what_is_acknowledged_out_of_order_is_erased_and_nothing_else() -> None:
    desk = Desk()
    for number in range(10):
        desk.spool.keep(raw(), RecordClass.RAW, 1, number)
    desk.spool.write_all(10)
    desk.settle()

    desk.spool.acknowledge(ack(1, (4, 5), (7, 7), (9, 10)))
    effects = desk.settle()

    assert [number for *_, number in desk.disk] == [2, 3, 6, 8]
    erased = [(e.first, e.through) for e in effects if isinstance(e, Erase)]
    assert erased == [(1, 1), (4, 5), (7, 7), (9, 10)]


def test_telemetry_that_was_acknowledged_is_not_there_after_a_restart() -> None:
    desk = Desk()
    for number in range(6):
        desk.spool.keep(raw(), RecordClass.RAW, 1, number)
    desk.spool.write_all(6)
    desk.settle()
    desk.spool.acknowledge(ack(0, (3, 4), (6, 6)))
    desk.settle()

    again = Desk(desk.disk, boot_of(2))
    again.spool.acknowledge(ack(boot=boot_of(2)))

    assert [u.seq for u in uploads(again.settle())] == [5, 2, 1]
    ((held,),) = (again.spool.held(),)
    assert (held.boot, held.floor_seq, held.last_seq) == (FIRST, 1, 5)


# --- pressure ------------------------------------------------------------------------------------


def test_under_pressure_the_oldest_telemetry_makes_room_and_is_counted() -> None:
    desk = Desk()

    for turn in range(20):
        desk.spool.keep(raw(8000), RecordClass.RAW, 90, turn)
        desk.spool.keep(event("x" * 100), RecordClass.EVENT, 1, turn)
        desk.settle(turn)

    assert desk.spool.size_bytes <= BYTES_MAX
    dropped = desk.spool.dropped[RecordClass.RAW]
    assert dropped > 0
    assert RecordClass.EVENT not in desk.spool.dropped
    desk.spool.acknowledge(ack())
    markers = [u for u in uploads(desk.settle(seconds(60))) if u.dropped]
    assert sum(marker.count for marker in markers) == dropped
    assert min(marker.first_seq for marker in markers) == 1


def test_what_urgent_records_take_of_the_bound_telemetry_goes_without() -> None:
    desk = Desk()
    for turn in range(8):
        desk.spool.keep(raw(8000), RecordClass.RAW, 1, turn)
    assert desk.spool.dropped == {}

    for turn in range(40):
        desk.spool.keep(event("x" * 1000), RecordClass.EVENT, 1, turn)

    assert desk.spool.size_bytes <= BYTES_MAX
    assert desk.spool.dropped[RecordClass.RAW] >= 5


def test_what_is_dropped_leaves_the_least_most_last_and_count_of_each_channel() -> None:
    desk = Desk()
    desk.outlet.connected = False
    for turn in range(400):
        desk.spool.keep(raw(800, float(turn), seconds(turn)), RecordClass.RAW, 50, turn)
    desk.outlet.connected = True

    taken = drained(desk)

    assert [u.first_seq for u in taken] == [1, *(u.seq + 1 for u in taken[:-1])]
    assert taken[-1].seq == 400
    markers = [u for u in taken if u.dropped]
    assert len(markers) > 20
    for marker in markers:
        record = dropped_of(marker)
        low, high = marker.first_seq - 1.0, marker.seq - 1.0
        count = 50 * (marker.seq - marker.first_seq + 1)
        assert record.rows == dict.fromkeys(("x_m", "motor_c"), (low, high, high, count))
        assert (record.site_ns, record.end_ns) == (seconds(int(low)), seconds(int(high)) + 50)
        assert marker.count == count
        # None was ever sent: all of them by the number of one, or of one in each of two merged.
        assert sum(each for _, each in record.perhaps_sent) == count
        assert all(marker.first_seq <= seq <= marker.seq for seq, _ in record.perhaps_sent)


def test_a_marker_names_what_may_have_arrived() -> None:
    desk = Desk()
    for turn in range(3):
        desk.spool.keep(raw(800), RecordClass.RAW, 10 + turn, turn)
    # Two were sent, the newest: so far the archive has said nothing of how many it will take.
    assert [u.seq for u in uploads(desk.settle(3))] == [3, 2]

    for turn in range(200):
        desk.spool.keep(raw(800), RecordClass.RAW, 1, 10 + turn)

    first = drained(desk, 100)[0]
    assert first.dropped
    assert first.first_seq == 1
    unsent = first.seq - first.first_seq + 1 - 2
    assert dropped_of(first).perhaps_sent == ((2, 11), (3, 12), (first.seq, 10 + unsent - 1))


def test_after_a_restart_all_that_is_dropped_may_have_arrived() -> None:
    desk = Desk()
    for turn in range(60):
        desk.spool.keep(raw(800), RecordClass.RAW, 7, turn)
    desk.spool.write_all(60)
    desk.settle()
    again = Desk(desk.disk, boot_of(2))

    for turn in range(40):
        again.spool.keep(raw(800), RecordClass.RAW, 1, turn)

    markers = [u for u in drained(again) if u.dropped]
    assert markers
    for marker in markers:
        numbers = range(marker.first_seq, marker.seq + 1)
        assert dropped_of(marker).perhaps_sent == tuple((seq, 7) for seq in numbers)


def test_dropped_telemetry_of_an_unknown_table_or_form_is_but_counted() -> None:
    desk = Desk()
    for turn in range(12):
        record = raw(8000)
        assert isinstance(record, msgspec.Struct)
        strange = msgspec.structs.replace(record, table=7)
        desk.spool.keep(strange if turn % 2 else event("x" * 8000), RecordClass.RAW, 1, turn)
    desk.spool.acknowledge(ack())

    markers = [u for u in uploads(desk.settle(20)) if u.dropped]

    assert sum(m.count for m in markers) == desk.spool.dropped[RecordClass.RAW] > 3
    assert all(dropped_of(m).rows == {} for m in markers)


def test_a_crash_between_a_marker_and_the_erasing_brings_back_each_number_once() -> None:
    desk = Desk()
    kept: Disk = {}
    for turn in range(20):
        desk.spool.keep(raw(8000), RecordClass.RAW, 90, turn)
        desk.spool.write_all(turn)
        desk.settle(turn)
        kept |= desk.disk
    kept |= desk.disk

    again = Desk(disk=kept)
    again.spool.acknowledge(ack())

    spans = sorted((u.first_seq, u.seq) for u in uploads(again.settle()))
    assert spans[0][0] == 1
    assert spans[-1][1] == 20
    assert all(a[1] + 1 == b[0] for a, b in pairwise(spans))
    assert again.restored.corrupt_count == 0


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("event"), st.integers(1, 300)),
            st.tuples(st.just("raw"), st.integers(100, 20_000)),
            st.tuples(st.just("ack"), st.integers(1, 10)),
            st.tuples(st.just("late"), st.just(0)),
            st.tuples(st.just("crash"), st.just(0)),
        ),
        max_size=40,
    )
)
def test_no_event_is_ever_lost_whatever_happens(steps: list[tuple[str, int]]) -> None:
    desk = Desk()
    boot, now_ns = 1, 0
    made: dict[BootId, int] = {}
    committed: dict[BootId, int] = {}
    for what, value in steps:
        now_ns += seconds(10)
        if what == "event":
            desk.spool.keep(event("e" * value), RecordClass.EVENT, 1, now_ns)
            made[boot_of(boot)] = made.get(boot_of(boot), 0) + 1
        elif what == "raw":
            desk.spool.keep(raw(value), RecordClass.RAW, 1, now_ns)
        elif what == "late":
            desk.spool.write_late(now_ns)
        elif what == "crash":
            boot += 1
            desk = Desk(desk.disk, boot_of(boot))
        else:
            for stream in list(made):
                seq = min(committed.get(stream, 0) + value, made[stream])
                committed[stream] = seq
                word = RecordAck(record_class=RecordClass.EVENT, boot=stream, through_seq=seq)
                desk.spool.acknowledge(word)
        desk.settle(now_ns)

    desk = Desk(desk.disk, boot_of(boot + 1))
    sent = [u for u in uploads(desk.settle(now_ns)) if u.record_class is RecordClass.EVENT]
    for stream, count in made.items():
        seqs = [u.seq for u in sent if u.boot == stream]
        first = committed.get(stream, 0) + 1
        assert seqs == list(range(first, min(count, first + 31) + 1))


def test_dropped_telemetry_leaves_the_disk_too() -> None:
    desk = Desk()

    for turn in range(200):
        desk.spool.keep(raw(800), RecordClass.RAW, 5, turn)
        desk.spool.write_all(turn)
        desk.settle(turn)

    assert len(desk.disk) == desk.spool.count < 110
    again = Desk(desk.disk, boot_of(2))
    assert again.spool.count == desk.spool.count


def test_a_row_under_another_number_is_left_out() -> None:
    desk = Desk()
    desk.spool.keep(event(), RecordClass.EVENT, 1, 0)
    desk.settle()
    ((table, scope, number), value) = next(iter(desk.disk.items()))

    again = Desk({(table, scope, number + 5): value}, boot_of(2))

    assert again.restored.corrupt_count == 1
    assert again.spool.count == 0
