"""Summaries: a stretch of telemetry in four numbers a channel, for the link toward Earth."""

from lunaredge.archive.batches import Folded, Tally
from lunaredge.ids import NodeId
from lunaredge.wire.records import Summary
from lunaredge.wire.telemetry import Channel

Row = tuple[float, float, float, int]
"""Least, greatest, last, count."""

# Periods of one node that are open at a time: this one, the last, and two that come late. A node
# that drains its backlog newest first works through one after the other.
OPEN_MAX = 4
# A period is over when it has passed and nothing of it has come for so much of its length: the
# batch that begins in it and ends after it comes late.
QUIET_SHARE = 4


class _Open:
    """A period that is being summed up."""

    def __init__(self) -> None:
        self.start_ns = 2**63 - 1
        self.end_ns = 0
        self.heard_ns = 0
        """When something of it was last taken."""
        self.tallies: list[Tally] = []
        """One for each table, in order of their last use."""

    def tally(self, channels: tuple[Channel, ...]) -> Tally:
        """Give the tally of a table."""
        if not self.tallies or self.tallies[-1].channels is not channels:
            found = next((one for one in self.tallies if one.channels is channels), None)
            if found is not None:
                self.tallies.remove(found)
            self.tallies.append(found or Tally(channels))
        return self.tallies[-1]


class Summaries:
    """Folds telemetry as it is archived; hands out one Summary per node and period.

    Kept in memory: a restart loses the part of a period that was not handed out; the archive has
    every sample of it.
    """

    def __init__(self, period_ns: int) -> None:
        assert period_ns > 0
        self.period_ns = period_ns
        self._open: dict[NodeId, dict[int, _Open]] = {}
        self._ready: list[Summary] = []

    def fold(
        self,
        node: NodeId,
        channels: tuple[Channel, ...],
        span_ns: tuple[int, int],
        folded: Folded,
        now_ns: int,
    ) -> None:
        """Fold a batch in, by the period that it begins in."""
        periods = self._open.setdefault(node, {})
        index = span_ns[0] // self.period_ns
        if index not in periods and len(periods) >= OPEN_MAX:
            self._hand_out(node, min(periods, key=lambda each: periods[each].heard_ns))
        period = periods.setdefault(index, _Open())
        period.heard_ns = now_ns
        period.start_ns = min(period.start_ns, span_ns[0])
        period.end_ns = max(period.end_ns, span_ns[1])
        period.tally(channels).add(folded)

    def take_due(self, now_ns: int) -> list[Summary]:
        """Hand out the summaries of periods that are over."""
        for node, periods in self._open.items():
            for index in [index for index in periods if self._is_over(index, periods, now_ns)]:
                self._hand_out(node, index)
        ready, self._ready = self._ready, []
        return ready

    def _is_over(self, index: int, periods: dict[int, _Open], now_ns: int) -> bool:
        is_quiet = now_ns - periods[index].heard_ns >= self.period_ns // QUIET_SHARE
        return is_quiet and now_ns >= (index + 1) * self.period_ns

    def _hand_out(self, node: NodeId, index: int) -> None:
        period = self._open[node].pop(index)
        rows: dict[str, Row] = {}
        for tally in period.tallies:
            for name, row in tally.rows().items():
                rows[name] = _joined(rows.get(name), row)
        if rows:
            self._ready.append(
                Summary(site_ns=period.start_ns, end_ns=period.end_ns, node=node, rows=rows)
            )


def _joined(before: Row | None, row: Row) -> Row:
    if before is None:
        return row
    low, high, last, count = row
    return min(low, before[0]), max(high, before[1]), last, count + before[3]
