"""Streams of records: how many lives of a node are told apart, and what becomes of the oldest."""

from lunaredge.ids import BootId, NodeId
from lunaredge.node import Archive, Erase, Persist, Row
from lunaredge.scheduler.ingest import BOOTS_MAX, Ingest, Taken
from lunaredge.wire.messages import RecordClass, Upload

ROVER = NodeId("rover-1")


def upload(boot: int, seq: int = 1) -> Upload:
    return Upload(
        boot=BootId(boot),
        record_class=RecordClass.EVENT,
        first_seq=seq,
        floor_seq=seq,
        seq=seq,
        count=1,
        dropped=False,
        record=b"x",
    )


def full() -> Ingest:
    ingest = Ingest()
    for boot in range(1, BOOTS_MAX + 1):
        ingest.take(ROVER, upload(boot), now_ns=boot)
    return ingest


def archived(taken: Taken) -> list[Archive]:
    return [effect for effect in taken.effects if isinstance(effect, Archive)]


def test_of_too_many_lives_the_oldest_is_forgotten_in_memory_and_in_the_store():
    ingest = full()

    taken = ingest.take(ROVER, upload(BOOTS_MAX + 1), now_ns=0)

    assert len(ingest.streams) == BOOTS_MAX
    assert Erase("stream", "rover-1/1/event", 0) in taken.effects
    assert archived(taken)


def test_a_node_forgets_its_own_lives_and_nobody_elses():
    ingest = full()

    taken = ingest.take(NodeId("rover-2"), upload(1), now_ns=0)

    assert len(ingest.streams) == BOOTS_MAX + 1
    assert not any(isinstance(effect, Erase) for effect in taken.effects)


def test_what_was_taken_of_a_life_that_is_known_is_taken_once():
    ingest = full()

    taken = ingest.take(ROVER, upload(2), now_ns=0)

    assert taken.effects == ()
    assert taken.ack.through_seq == 1


def test_an_old_life_that_speaks_again_is_taken_and_the_next_oldest_goes():
    ingest = full()
    ingest.take(ROVER, upload(BOOTS_MAX + 1), now_ns=0)

    taken = ingest.take(ROVER, upload(1, seq=1), now_ns=0)

    assert archived(taken)
    assert Erase("stream", "rover-1/2/event", 0) in taken.effects


def test_the_rows_that_are_left_are_those_of_the_lives_that_are_known():
    rows: dict[str, bytes] = {}
    ingest = Ingest()
    for boot in range(1, 2 * BOOTS_MAX):
        for effect in ingest.take(ROVER, upload(boot), now_ns=boot).effects:
            match effect:
                case Persist(_, scope, _, value):
                    rows[scope] = value
                case Erase(_, scope, _):
                    del rows[scope]

    again = Ingest()
    for scope, value in sorted(rows.items()):
        again.restore(Row("stream", scope, 0, value))

    assert again.streams.keys() == ingest.streams.keys()
