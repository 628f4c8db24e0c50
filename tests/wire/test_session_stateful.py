"""The record session in a hostile world: every record arrives once, or is accounted for (I4)."""

from copy import copy

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from lunaredge.ids import BootId
from lunaredge.wire.messages import RecordAck, RecordClass, Upload
from lunaredge.wire.session import Item, Limits, Sender, Stream, judge

SHEDDABLE = (RecordClass.RAW, RecordClass.SUMMARY)


class World(RuleBasedStateMachine):
    """A sender with a disk, a receiver with an archive, and a network that does as it likes.

    Power may go on either side at any moment, between a marker's writing and its erasing too.
    Safety holds after every step; `teardown` gives the two a good network and asks for liveness.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now_ns = 0
        self.boot = BootId(1)
        self.sender = Sender(self.boot, Limits(bytes_max=30, resend_ns=5))
        self.disk: dict[tuple[Stream, int], Item] = {}
        self.network: list[Upload] = []
        self.acks: list[RecordAck] = []
        self.taken: list[Upload] = []
        self.through: dict[Stream, int] = {}
        self.archive: dict[Stream, list[Upload]] = {}
        self.produced: dict[Stream, dict[int, int]] = {}
        self.lost_with_power: dict[Stream, set[int]] = {}

    @rule(
        record_class=st.sampled_from([RecordClass.RAW, RecordClass.EVENT]),
        sizes=st.lists(st.integers(1, 20), min_size=1, max_size=4),
    )
    def offer(self, record_class: RecordClass, sizes: list[int]) -> None:
        for size in sizes:
            item = self.sender.offer(record_class, bytes(size), count=size, now_ns=self.now_ns)
            self.produced.setdefault((self.boot, record_class), {})[item.seq] = item.count
            if record_class not in SHEDDABLE:
                item.spooled = True
                self._write(item)

    @rule(step_ns=st.integers(0, 6))
    def send(self, step_ns: int) -> None:
        self.now_ns += step_ns
        self.network += self.sender.due(self.now_ns)

    @rule()
    def spool(self) -> None:
        for item in self.sender.to_spool(self.now_ns):
            self._write(item)

    @rule(power_goes=st.booleans())
    def shed(self, *, power_goes: bool) -> None:
        for marker in self.sender.shed():
            self._write(marker)
            if power_goes:
                self.restart_sender()
                return
            self._erase((marker.boot, marker.record_class), marker.seq - 1)

    @precondition(lambda self: self.network)
    @rule(places=st.lists(st.integers(0, 7), min_size=1, max_size=4), twice=st.booleans())
    def deliver(self, *, places: list[int], twice: bool) -> None:
        for place in places[: len(self.network)]:
            upload = self.network.pop(place % len(self.network))
            for _ in range(2 if twice else 1):
                self._receive(upload)

    @precondition(lambda self: self.acks)
    @rule(place=st.integers(0, 7))
    def deliver_ack(self, place: int) -> None:
        self._acknowledge(self.acks.pop(place % len(self.acks)))

    @precondition(lambda self: self.taken)
    @rule()
    def commit(self) -> None:
        for upload in self.taken:
            stream = (upload.boot, upload.record_class)
            self.archive.setdefault(stream, []).append(upload)
            self._answer(stream)
        self.taken.clear()

    @rule()
    def restart_receiver(self) -> None:
        self.taken.clear()
        self.through = {stream: uploads[-1].seq for stream, uploads in self.archive.items()}

    @rule()
    def lose_everything_in_flight(self) -> None:
        self.network.clear()
        self.acks.clear()

    @rule()
    def reconnect(self) -> None:
        self.sender.resend_all()

    @rule()
    def restart_sender(self) -> None:
        # A marker holds every number that it stands for, and its row is not written at once.
        written = [(stream, item) for (stream, _), item in self.disk.items()]
        held = [(stream, item) for stream, items in self.sender._streams.items() for item in items]
        for stream, seq in sorted(_numbers(held) - _numbers(written)):
            self.lost_with_power.setdefault(stream, set()).add(seq)
        self.boot = BootId(self.boot + 1)
        self.sender = Sender(self.boot, self.sender.limits)
        rows = sorted(self.disk, key=lambda key: (key[0][0], key[0][1].value, key[1]))
        self.sender.restore([copy(self.disk[row]) for row in rows])

    @invariant()
    def nothing_is_committed_twice_or_out_of_order(self) -> None:
        for uploads in self.archive.values():
            numbers = [upload.seq for upload in uploads]
            assert numbers == sorted(set(numbers))

    @invariant()
    def nothing_urgent_is_ever_dropped_or_passed_over(self) -> None:
        for stream in [stream for stream in self.archive if stream[1] not in SHEDDABLE]:
            numbers = [upload.seq for upload in self.archive[stream]]
            assert numbers == list(range(1, len(numbers) + 1))
            assert not any(upload.dropped for upload in self.archive[stream])

    @invariant()
    def the_size_is_the_sum_of_what_is_held(self) -> None:
        items = [item for held in self.sender._streams.values() for item in held]
        assert self.sender.size_bytes == sum(len(item.record) for item in items)

    @invariant()
    def what_counts_as_spooled_is_on_disk(self) -> None:
        streams = self.sender._streams.items()
        held = [(stream, item) for stream, items in streams for item in items if item.spooled]
        assert _numbers(held) <= _numbers([(stream, i) for (stream, _), i in self.disk.items()])

    def teardown(self) -> None:
        for _ in range(200):
            self.now_ns += 10
            for upload in self.sender.due(self.now_ns):
                self._receive(upload)
            self.commit()
            while self.acks:
                self._acknowledge(self.acks.pop(0))
        assert self.sender.count == 0
        for stream, counts in self.produced.items():
            self._account(stream, counts)

    def _account(self, stream: Stream, counts: dict[int, int]) -> None:
        seen: set[int] = set()
        counted = 0
        for upload in self.archive.get(stream, []):
            # A marker may reach back over what was committed before its acknowledgement was lost:
            # it counts only for the numbers that are new.
            again = {number for number in seen if number >= upload.first_seq}
            counted += upload.count - sum(counts[number] for number in again)
            seen |= set(range(upload.first_seq, upload.seq + 1))
        gone = set(counts) - seen
        assert gone <= self.lost_with_power.get(stream, set())
        assert stream[1] in SHEDDABLE or not gone
        assert counted + sum(counts[number] for number in gone) == sum(counts.values())

    def _receive(self, upload: Upload) -> None:
        stream = (upload.boot, upload.record_class)
        verdict = judge(self.through.get(stream, 0), upload)
        if verdict.accepted:
            self.taken.append(upload)
            self.through[stream] = verdict.through_seq
        elif verdict.duplicate and not self.taken:
            self._answer(stream)

    def _answer(self, stream: Stream) -> None:
        through_seq = self.through[stream]
        self.acks.append(RecordAck(boot=stream[0], record_class=stream[1], through_seq=through_seq))

    def _acknowledge(self, record_ack: RecordAck) -> None:
        self.sender.acknowledge(record_ack)
        self._erase((record_ack.boot, record_ack.record_class), record_ack.through_seq)

    def _write(self, item: Item) -> None:
        self.disk[((item.boot, item.record_class), item.seq)] = copy(item)

    def _erase(self, stream: Stream, through_seq: int) -> None:
        for key in [k for k in self.disk if k[0] == stream and k[1] <= through_seq]:
            del self.disk[key]


def _numbers(items: list[tuple[Stream, Item]]) -> set[tuple[Stream, int]]:
    return {(stream, seq) for stream, item in items for seq in range(item.first_seq, item.seq + 1)}


def test_power_lost_between_two_markers_takes_only_what_was_never_on_disk() -> None:
    # One shedding may mark two streams. Here it marks the spooled one of an earlier life and the
    # unspooled one of this life, and power goes when only the first marker is written.
    world = World()
    world.offer(record_class=RecordClass.RAW, sizes=[1])
    world.spool()
    world.restart_sender()
    world.offer(record_class=RecordClass.RAW, sizes=[1, 11, 20])

    world.shed(power_goes=True)
    world.teardown()

    assert world.lost_with_power == {(BootId(2), RecordClass.RAW): {1, 2, 3}}
    assert [(up.seq, up.count) for up in world.archive[BootId(1), RecordClass.RAW]] == [(1, 1)]


World.TestCase.settings = settings(max_examples=2 * settings().max_examples, stateful_step_count=40)
test_every_record_is_committed_once_or_accounted_for = World.TestCase
