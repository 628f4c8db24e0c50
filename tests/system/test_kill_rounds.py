"""Processes of a real site under load, killed at random moments: nothing lost, nothing twice.

`make kills` runs more rounds of the same. The judge is tried here too, on what it may not let pass.
"""

import json
import subprocess
import sys

import pytest

from lunaredge.cli.demo.record import Kill
from lunaredge.ids import BootId, NodeId
from lunaredge.runtime.store import ArchivedRecord
from lunaredge.units import NS_PER_S
from lunaredge.wire.messages import RecordClass
from tests.system.kills.judge import Books, faults, gone
from tests.system.kills.witness import Evidence, Heard, Stream

EVENTS = Stream(NodeId("scout-1"), BootId(7), RecordClass.EVENT)
RAW = Stream(NodeId("scout-1"), BootId(7), RecordClass.RAW)


def record(seq, **changes):
    columns = {
        "node": EVENTS.node,
        "boot": EVENTS.boot,
        "record_class": EVENTS.record_class,
        "first_seq": seq,
        "seq": seq,
        "count": 1,
        "dropped": False,
        "received_ns": 0,
        "record": b"%d" % seq,
    }
    return ArchivedRecord(**(columns | changes))


def books(records=(), bulk=(), waiting=()):
    return Books({EVENTS: list(records)}, {RAW: dict(bulk)}, {EVENTS: dict(waiting)})


@pytest.fixture
def heard():
    """Three events, of which two are called committed; one batch at 100 s, not acknowledged."""
    evidence = Evidence()
    for seq in (1, 2, 3):
        evidence.upload(EVENTS, seq, Heard(0, b"%d" % seq))
    evidence.acknowledge(EVENTS, [(1, 2)])
    evidence.upload(RAW, 1, Heard(100 * NS_PER_S, b"batch"))
    return evidence


@pytest.mark.slow
def test_no_record_is_lost_or_there_twice_after_rounds_of_kills():
    command = [sys.executable, "-m", "tests.system.kills.campaign", "--rounds", "6"]
    told = subprocess.run(command, capture_output=True, text=True, timeout=420, check=False)

    assert told.returncode == 0, told.stderr
    found = json.loads(told.stdout)
    assert found["rounds"] == 6
    assert sum(found["kills"].values()) >= 6
    assert min(found["records_archived"][name] for name in ("alarm", "event", "state")) > 0
    assert found["samples_archived"] > 1000
    assert found["samples_twice"] == 0


def test_what_was_heard_is_archived_or_waits_on_a_disk(heard):
    assert list(faults(books([record(1), record(2)], waiting={3: b"3"}), heard)) == []


@pytest.mark.parametrize(
    ("kept", "told"),
    [
        ([record(1), record(2)], "3 was heard and is nowhere"),
        ([record(1), record(3)], "1 acknowledged and not archived, first 2"),
        ([record(1), record(3)], "3 follows 1"),
        ([record(1), record(2), record(3, record=b"x")], "3 is not what was heard"),
        ([record(1), record(2), record(2), record(3)], "2 follows 2"),
        ([record(1), record(2, dropped=True), record(3)], "2 was dropped"),
    ],
)
def test_a_judge_tells_what_is_missing_changed_or_there_twice(heard, kept, told):
    assert any(told in fault for fault in faults(books(kept), heard))


def test_acknowledged_telemetry_must_be_archived(heard):
    heard.acknowledge(RAW, [(1, 1)])
    kept = [record(1), record(2), record(3)]

    assert list(faults(books(kept, bulk={1: 1}), heard)) == []
    assert any("acknowledged and not archived" in fault for fault in faults(books(kept), heard))


@pytest.mark.parametrize(
    ("died_s", "told"),
    [(110, ""), (250, "it was old enough for a disk"), (90, "its node lived")],
)
def test_telemetry_is_gone_only_where_its_node_was_killed_a_moment_later(heard, died_s, told):
    kills = [Kill(name="scout-1", at_ns=died_s * NS_PER_S)]

    ((stream, seq, fault),) = gone(books(), heard, kills)

    assert (stream, seq) == (RAW, 1)
    assert fault.endswith(told)
    assert bool(fault) is bool(told)
    assert list(gone(books(bulk={1: 1}), heard, kills)) == []
