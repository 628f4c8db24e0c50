"""Acknowledgements: each receiver may say what it has committed, and only of what goes to it."""

import pytest

from lunaredge.wire.messages import RecordAck, RecordClass
from lunaredge.wire.seal import Signer
from tests.agent.rig import (
    ARCHIVE_KEY,
    OPERATOR_KEY,
    OTHER_KEY,
    SCHEDULER_KEY,
    SITE_NS,
    Rig,
)

ORDERED = (RecordClass.ALARM, RecordClass.EVENT, RecordClass.STATE)
BULK = (RecordClass.SUMMARY, RecordClass.RAW)


def waiting(rig: Rig) -> dict[RecordClass, int]:
    """Give how many uploads wait, by class."""
    spool = rig.node._parts.spool
    held = {held.record_class: held.last_seq - held.floor_seq + 1 for held in spool.held()}
    return held | {RecordClass.EVENT: spool.count - sum(held.values())}


def ready() -> Rig:
    rig = Rig()
    rig.prove()
    rig.run(100)
    assert waiting(rig)[RecordClass.RAW] >= 2
    assert waiting(rig)[RecordClass.EVENT] >= 2
    return rig


def acknowledge(rig: Rig, record_class: RecordClass, key: Signer | None, **header: object) -> None:
    ack = RecordAck(record_class=record_class, boot=rig.boot_id, through_seq=100)
    rig.deliver(rig.frame(ack, key, **header), channel="ack")


@pytest.mark.parametrize(
    ("record_class", "key"),
    [(RecordClass.EVENT, SCHEDULER_KEY), (RecordClass.RAW, ARCHIVE_KEY)],
)
def test_a_receiver_acknowledges_its_own_classes(record_class: RecordClass, key: Signer) -> None:
    rig = ready()

    acknowledge(rig, record_class, key)

    assert waiting(rig).get(record_class, 0) == 0
    assert len([n for n in waiting(rig).values() if n]) == 1


@pytest.mark.parametrize(
    ("record_class", "key", "reason"),
    [
        *((one, ARCHIVE_KEY, "role") for one in ORDERED),
        *((one, SCHEDULER_KEY, "role") for one in BULK),
        *((one, OPERATOR_KEY, "role") for one in (RecordClass.EVENT, RecordClass.RAW)),
        *((one, OTHER_KEY, "role") for one in (RecordClass.EVENT, RecordClass.RAW)),
        *((one, None, "unsigned") for one in (RecordClass.EVENT, RecordClass.RAW)),
    ],
)
def test_nobody_acknowledges_what_goes_to_another(
    record_class: RecordClass, key: Signer | None, reason: str
) -> None:
    rig = ready()
    before = waiting(rig)

    acknowledge(rig, record_class, key)

    assert waiting(rig) == before
    assert rig.beat().refused == {reason: 1}


@pytest.mark.parametrize(
    ("record_class", "key"),
    [(RecordClass.EVENT, SCHEDULER_KEY), (RecordClass.RAW, ARCHIVE_KEY)],
)
def test_an_acknowledgement_for_another_node_is_refused(
    record_class: RecordClass, key: Signer
) -> None:
    rig = ready()
    before = waiting(rig)

    acknowledge(rig, record_class, key, to="hauler-1")

    assert waiting(rig) == before
    assert rig.beat().refused == {"addressee": 1}


def test_an_archive_that_is_heard_is_no_scheduler_that_is() -> None:
    rig = ready()
    rig.serves_time = False

    for _ in range(20):
        rig.run(10)
        acknowledge(rig, RecordClass.RAW, ARCHIVE_KEY)

    assert rig.situation.autonomy.value == "A2"


def test_the_archive_commands_nothing() -> None:
    rig = ready()
    hold = rig.assignment()

    rig.tell(hold, ARCHIVE_KEY)
    rig.deliver(rig.frame(rig.assignment(), ARCHIVE_KEY, site_ns=SITE_NS), channel="cmd")

    assert rig.situation.task is None
    assert rig.beat().refused == {"role": 2}
