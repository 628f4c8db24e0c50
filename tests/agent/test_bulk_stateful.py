"""The bulk session in a hostile world: every sample is archived, dropped or missing, once (I4)."""

from copy import copy
from itertools import pairwise

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from lunaredge.agent.shedding import marker_of
from lunaredge.ids import BootId
from lunaredge.wire.bulk import BulkSender, Stream
from lunaredge.wire.messages import ACK_RANGES_MAX, Held, RecordAck, RecordClass, Upload
from lunaredge.wire.ranges import Ranges
from lunaredge.wire.records import Dropped, decode_record
from lunaredge.wire.session import Item, Limits

BYTES_MAX = 1200
CLASSES = (RecordClass.RAW, RecordClass.SUMMARY)


class Archive:
    """A receiver that commits uploads in any order; what it has committed outlives its power."""

    def __init__(self) -> None:
        self.committed: dict[Stream, Ranges] = {}
        self.archived: dict[Stream, dict[int, int]] = {}
        self.dropped: dict[Stream, int] = {}
        self.missing: dict[Stream, set[int]] = {}
        self.inexact: set[Stream] = set()
        """Of these a marker had no room to say what may have arrived."""

    def commit(self, upload: Upload) -> RecordAck:
        stream = (upload.boot, upload.record_class)
        ranges = self.committed.setdefault(stream, Ranges())
        if not ranges.covers(upload.first_seq, upload.seq):
            if upload.dropped:
                self._drop(stream, upload, ranges)
            else:
                own = self.archived.setdefault(stream, {})
                assert upload.seq not in own
                own[upload.seq] = upload.count
            ranges.add(upload.first_seq, upload.seq)
        return self.word(stream)

    def word(self, stream: Stream) -> RecordAck:
        ranges = self.committed[stream]
        beyond = [each for each in ranges if each[0] > 1][-ACK_RANGES_MAX:]
        return RecordAck(
            record_class=stream[1],
            boot=stream[0],
            through_seq=ranges.through,
            ranges=tuple(beyond),
            window=4,
        )

    def born(self, boot: BootId, held: tuple[Held, ...]) -> None:
        """Give up what the sender holds no more."""
        floors = {(each.boot, each.record_class): each for each in held}
        for stream, ranges in self.committed.items():
            found = floors.get(stream)
            if found is not None:
                gone = ranges.holes(1, found.floor_seq - 1)
                if stream[0] != boot:
                    gone += ranges.holes(found.last_seq + 1, ranges.last)
            else:
                gone = ranges.holes(1, ranges.last) if stream[0] != boot else []
            for first, last in gone:
                ranges.add(first, last)
                self.missing.setdefault(stream, set()).update(range(first, last + 1))

    def _drop(self, stream: Stream, upload: Upload, ranges: Ranges) -> None:
        there, more_count = 0, upload.count
        if upload.record:
            record = decode_record(upload.record)
            assert isinstance(record, Dropped)
            there = sum(count for seq, count in record.perhaps_sent if ranges.covers(seq, seq))
            more_count = record.perhaps_more_count
        if more_count:
            self.inexact.add(stream)
        self.dropped[stream] = self.dropped.get(stream, 0) + upload.count - there


class World(RuleBasedStateMachine):
    """A sender with a disk, an archive, and a network that does as it likes.

    Power may go on either side at any moment: between a marker's writing and the erasing of what
    it stands for, and before what was acknowledged is erased.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now_ns = 0
        self.boot = BootId(1)
        self.sender = self._sender()
        self.disk: dict[tuple[Stream, int], Item] = {}
        self.network: list[Upload] = []
        self.acks: list[RecordAck] = []
        self.taken: list[Upload] = []
        self.archive = Archive()
        self.produced: dict[Stream, dict[int, int]] = {}
        self.lost_with_power: dict[Stream, set[int]] = {}

    def _sender(self) -> BulkSender:
        limits = Limits(bytes_max=BYTES_MAX, resend_ns=5)
        return BulkSender(self.boot, limits, lambda items: marker_of(items, lambda _: None))

    @rule(
        record_class=st.sampled_from(CLASSES),
        sizes=st.lists(st.integers(0, 90), min_size=1, max_size=6),
    )
    def offer(self, record_class: RecordClass, sizes: list[int]) -> None:
        for size in sizes:
            item = self.sender.offer(record_class, bytes(size), count=size, now_ns=self.now_ns)
            self.produced.setdefault((self.boot, record_class), {})[item.seq] = item.count

    @rule(step_ns=st.integers(-3, 6))
    def send(self, step_ns: int) -> None:
        self.now_ns += step_ns
        self.network += self.sender.due(self.now_ns)

    @rule(before_ns=st.integers(0, 6))
    def spool(self, before_ns: int) -> None:
        for item in self.sender.to_spool(self.now_ns - before_ns):
            self._write(item)

    @rule(power_goes=st.booleans(), taken_bytes=st.sampled_from([0, 300, 700]))
    def shed(self, *, power_goes: bool, taken_bytes: int) -> None:
        for marker, victims in self.sender.shed(taken_bytes):
            assert victims[-1].seq == marker.seq
            self._write(marker)
            if power_goes:
                self.restart_sender()
                return
            self._erase(marker, marker.first_seq, marker.seq - 1)

    @precondition(lambda self: self.network)
    @rule(places=st.lists(st.integers(0, 7), min_size=1, max_size=4), twice=st.booleans())
    def deliver(self, *, places: list[int], twice: bool) -> None:
        for place in places[: len(self.network)]:
            upload = self.network.pop(place % len(self.network))
            self.taken += [upload] * (2 if twice else 1)

    @precondition(lambda self: self.taken)
    @rule(count=st.integers(1, 4))
    def commit(self, count: int) -> None:
        for upload in self.taken[:count]:
            self.acks.append(self.archive.commit(upload))
        del self.taken[:count]

    @precondition(lambda self: self.acks)
    @rule(place=st.integers(0, 7), erases=st.booleans())
    def deliver_ack(self, *, place: int, erases: bool) -> None:
        self._acknowledge(self.acks.pop(place % len(self.acks)), erases=erases)

    @precondition(lambda self: self.archive.committed)
    @rule(place=st.integers(0, 7))
    def acknowledge_again(self, place: int) -> None:
        streams = list(self.archive.committed)
        self.acks.append(self.archive.word(streams[place % len(streams)]))

    @rule()
    def hear_a_birth(self) -> None:
        self.archive.born(self.boot, self.sender.held())

    @rule()
    def restart_archive(self) -> None:
        self.taken.clear()

    @rule()
    def lose_everything_in_flight(self) -> None:
        self.network.clear()
        self.acks.clear()

    @rule()
    def reconnect(self) -> None:
        self.sender.resend_all()

    @rule()
    def restart_sender(self) -> None:
        written = {number for key, item in self.disk.items() for number in _numbers(key[0], item)}
        for stream, seq in self._held() - written:
            self.lost_with_power.setdefault(stream, set()).add(seq)
        self.boot = BootId(self.boot + 1)
        self.sender = self._sender()
        rows = sorted(self.disk, key=lambda key: (key[0][0], key[0][1].value, key[1]))
        self.sender.restore([copy(self.disk[row]) for row in rows])

    @invariant()
    def the_size_is_the_sum_of_what_is_held(self) -> None:
        assert self.sender.size_bytes == sum(len(item.record) for _, item in self._items())
        assert self.sender.count == len(self._items())

    @invariant()
    def each_number_is_held_once_and_is_sent_or_not(self) -> None:
        for stream, held in self.sender._streams.items():
            items = list(held.items.values())
            assert all(a.seq < b.first_seq for a, b in pairwise(items)), stream
            assert sorted([*held.flying, *held.unsent]) == [item.seq for item in items]

    @invariant()
    def what_counts_as_spooled_is_on_disk(self) -> None:
        for stream, item in self._items():
            assert not item.spooled or (stream, item.seq) in self.disk

    @invariant()
    def what_a_birth_lists_is_what_is_held(self) -> None:
        listed = {(each.boot, each.record_class): each for each in self.sender.held()}
        assert set(listed) == set(self.sender._streams)
        for stream, item in self._items():
            assert listed[stream].floor_seq <= item.first_seq
            assert item.seq <= listed[stream].last_seq

    @invariant()
    def nothing_is_given_up_that_power_did_not_take(self) -> None:
        for stream, missing in self.archive.missing.items():
            assert missing <= self.lost_with_power.get(stream, set())

    def teardown(self) -> None:
        self.sender.resend_all()
        for _ in range(300):
            self.now_ns += 10
            for upload in self.sender.due(self.now_ns):
                self._acknowledge(self.archive.commit(upload), erases=True)
        assert self.sender.count == 0, "the sender was never relieved"
        assert self.sender.size_bytes == 0
        self.sender.offer(RecordClass.RAW, b"", 0, self.now_ns)
        self.archive.born(BootId(self.boot + 1), ())
        for stream, counts in self.produced.items():
            self._judge(stream, counts)

    def _judge(self, stream: Stream, counts: dict[int, int]) -> None:
        """Each sample once: in the archive, in the book of what was dropped, or lost with power."""
        archived = self.archive.archived.get(stream, {})
        committed = self.archive.committed.get(stream, Ranges())
        holes = committed.holes(1, max(counts))
        missing = self.archive.missing.get(stream, set()) | {
            seq for first, last in holes for seq in range(first, last + 1)
        }
        assert missing <= self.lost_with_power.get(stream, set())
        assert all(counts[seq] == count for seq, count in archived.items())
        assert not set(archived) & missing
        dropped = sum(counts[seq] for seq in set(counts) - set(archived) - missing)
        booked = self.archive.dropped.get(stream, 0)
        assert booked >= dropped if stream in self.archive.inexact else booked == dropped

    def _items(self) -> list[tuple[Stream, Item]]:
        streams = self.sender._streams.items()
        return [(stream, item) for stream, held in streams for item in held.items.values()]

    def _held(self) -> set[tuple[Stream, int]]:
        return {number for stream, item in self._items() for number in _numbers(stream, item)}

    def _write(self, item: Item) -> None:
        self.disk[((item.boot, item.record_class), item.seq)] = copy(item)

    def _erase(self, item: Item, first: int, last: int) -> None:
        stream = (item.boot, item.record_class)
        for key in [key for key in self.disk if key[0] == stream and first <= key[1] <= last]:
            del self.disk[key]

    def _acknowledge(self, ack: RecordAck, *, erases: bool) -> None:
        for item in self.sender.acknowledge(ack):
            if erases:
                self._erase(item, item.first_seq, item.seq)


def _numbers(stream: Stream, item: Item) -> list[tuple[Stream, int]]:
    return [(stream, number) for number in range(item.first_seq, item.seq + 1)]


World.TestCase.settings = settings(max_examples=200, stateful_step_count=50)
test_every_sample_is_archived_dropped_or_missing_once = World.TestCase


def crowded(world: World) -> None:
    """Have markers merged: many samples, hardly any room."""
    for _ in range(6):
        world.offer(record_class=RecordClass.RAW, sizes=[80] * 6)
        world.shed(power_goes=False, taken_bytes=0)


def test_a_marker_that_arrived_and_was_merged_is_not_counted_twice() -> None:
    world = World()
    crowded(world)
    world.sender.window_count = 32
    world.send(step_ns=1)
    for upload in world.network:
        # Committed, and the word of it is lost.
        world.archive.commit(upload)
    before = dict(world.archive.dropped)
    assert before

    crowded(world)

    world.teardown()
    assert not world.archive.inexact


def test_an_upload_that_arrived_and_was_dropped_and_merged_is_not_counted_twice() -> None:
    world = World()
    world.offer(record_class=RecordClass.RAW, sizes=[25] * 3)
    world.send(step_ns=1)
    for upload in world.network:
        world.archive.commit(upload)
    assert world.archive.archived

    for _ in range(3):
        crowded(world)

    world.teardown()
    assert not world.archive.inexact


def test_an_upload_of_an_earlier_life_that_arrived_is_not_counted_twice() -> None:
    world = World()
    world.offer(record_class=RecordClass.RAW, sizes=[25] * 3)
    world.spool(before_ns=0)
    world.send(step_ns=1)
    for upload in world.network:
        world.archive.commit(upload)
    world.restart_sender()

    for _ in range(3):
        crowded(world)

    world.teardown()
    assert not world.archive.inexact
