from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from lunaredge.agent.clock import SiteClock
from lunaredge.agent.outlet import Outlet
from lunaredge.agent.spool import Spool
from lunaredge.ids import BootId
from lunaredge.node import Effect, Erase, Persist, Publish, Row
from lunaredge.wire import codec
from lunaredge.wire.messages import RecordAck, RecordClass, Upload
from lunaredge.wire.records import Event, Record, pack_telemetry
from lunaredge.wire.session import Limits
from tests.agent.rig import AGENT_KEY, KEYRING, boot_of, config
from tests.agent.toy_machine import seconds

BYTES_MAX = 70_000
FIRST = boot_of(1)
Disk = dict[tuple[str, str, int], bytes]


class Desk:
    """A spool, its disk, and a receiver that acknowledges what it is told to."""

    def __init__(self, disk: Disk | None = None, boot: BootId = FIRST) -> None:
        self.disk: Disk = {} if disk is None else disk
        self.outlet = Outlet(config(), boot, AGENT_KEY, SiteClock(100.0, seconds(20)))
        self.outlet.connected = True
        limits = Limits(bytes_max=BYTES_MAX, resend_ns=seconds(20))
        self.spool = Spool(self.outlet, boot, limits, seconds(30))
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
                    if key[2] <= effect.through:
                        del self.disk[key]
        return effects


def event(text: str = "") -> Record:
    return Event(site_ns=1, code="test", text=text)


def raw(size_bytes: int = 400) -> Record:
    rows = [[0.0] * 20 for _ in range(max(1, size_bytes // 88))]
    return pack_telemetry(1, list(range(len(rows))), rows)


def uploads(effects: list[Effect]) -> list[Upload]:
    bodies = [codec.decode(e.payload, KEYRING).body for e in effects if isinstance(e, Publish)]
    return [body for body in bodies if isinstance(body, Upload)]


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


def test_every_upload_is_signed_telemetry_too() -> None:
    desk = Desk()
    desk.spool.keep(event(), RecordClass.EVENT, 1, 0)
    desk.spool.keep(raw(), RecordClass.RAW, 4, 0)

    received = [codec.decode(e.payload, KEYRING) for e in desk.settle() if isinstance(e, Publish)]

    assert len(received) == 2
    assert all(frame.role is not None for frame in received)


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
    marker = next(u for u in uploads(desk.settle(seconds(60))) if u.dropped)
    assert (marker.first_seq, marker.count) == (1, dropped)


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

    spans = [(u.first_seq, u.seq) for u in uploads(again.settle())]
    assert spans[0][0] == 1
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
                ack = RecordAck(record_class=RecordClass.EVENT, boot=stream, through_seq=seq)
                desk.spool.acknowledge(ack)
        desk.settle(now_ns)

    desk = Desk(desk.disk, boot_of(boot + 1))
    sent = [u for u in uploads(desk.settle(now_ns)) if u.record_class is RecordClass.EVENT]
    for stream, count in made.items():
        seqs = [u.seq for u in sent if u.boot == stream]
        first = committed.get(stream, 0) + 1
        assert seqs == list(range(first, min(count, first + 31) + 1))


def test_dropped_telemetry_leaves_the_disk_too() -> None:
    desk = Desk()

    for turn in range(20):
        desk.spool.keep(raw(8000), RecordClass.RAW, 90, turn)
        desk.spool.write_all(turn)
        desk.settle(turn)

    assert len(desk.disk) == desk.spool.count < 12


def test_a_row_under_another_number_is_left_out() -> None:
    desk = Desk()
    desk.spool.keep(event(), RecordClass.EVENT, 1, 0)
    desk.settle()
    ((table, scope, number), value) = next(iter(desk.disk.items()))

    again = Desk({(table, scope, number + 5): value}, boot_of(2))

    assert again.restored.corrupt_count == 1
    assert again.spool.count == 0
