"""Time in which an agent looked at nothing, asleep or hung: nothing is said of it."""

from itertools import pairwise

import pytest

from lunaredge.agent.telemetry import Rows
from lunaredge.wire.messages import Upload
from lunaredge.wire.records import decode_record
from lunaredge.wire.telemetry import Telemetry
from tests.agent.rig import SITE_NS, Rig
from tests.agent.rows_rig import HEALTH, NAMES, SAMPLE, clock_at, history, packed, rows_of
from tests.agent.toy_machine import seconds


def test_time_in_which_nobody_looked_is_in_no_batch() -> None:
    rows = rows_of()
    rows.add(SAMPLE, HEALTH, 0)
    rows.pack(clock_at(0), 0)
    rows.add(SAMPLE, HEALTH, seconds(55))
    assert not rows.was_away(seconds(115))
    assert rows.was_away(seconds(200))

    before, nothing = packed(rows, seconds(200))
    rows.add(SAMPLE, HEALTH, seconds(200))
    after, again = packed(rows, seconds(230))

    assert (before.site_ns, before.end_ns) == (SITE_NS, SITE_NS + seconds(55))
    assert nothing.times_ns == []
    assert (after.site_ns, after.end_ns) == (SITE_NS + seconds(200), SITE_NS + seconds(230))
    # What stood before may have changed meanwhile: all is said again.
    assert all(history(again, name) for name in NAMES)


def test_a_board_that_looks_seldom_is_not_away_between_two_looks() -> None:
    rows = Rows(10, is_machine=True, row_period_ns=seconds(600))
    rows.add(SAMPLE, HEALTH, 0)

    assert not rows.was_away(seconds(1800))
    assert rows.was_away(seconds(1801))


def test_a_node_that_hung_tells_no_telemetry_of_that_time() -> None:
    rig = Rig()
    rig.census()
    rig.run(130.0)
    rig.acknowledge_all()
    rig.now_ns += seconds(204)
    rig.sense()
    rig.node.tick(rig.now_ns)
    rig.carry_out()
    rig.acknowledge_all()
    rig.run(130.0)

    spans_ns = [
        (record.site_ns, record.end_ns)
        for record in (decode_record(up.record) for up in rig.all(Upload))
        if isinstance(record, Telemetry)
    ]
    holes_s = [(start - end) / 1e9 for (_, end), (start, _) in pairwise(sorted(set(spans_ns)))]
    assert [hole_s for hole_s in holes_s if hole_s > 1.0] == [pytest.approx(204, abs=10)]
