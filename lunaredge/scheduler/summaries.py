"""Summaries: a stretch of telemetry in four numbers a channel, for the link toward Earth."""

import math

from lunaredge.ids import NodeId
from lunaredge.wire import records


class Summaries:
    """Folds telemetry as it is archived; hands out one Summary per node and period.

    Kept in memory: a restart loses the part of a period that was not handed out; the archive has
    every sample of it.
    """

    def __init__(self, period_ns: int) -> None:
        assert period_ns > 0
        self.period_ns = period_ns
        self._rows: dict[NodeId, dict[str, tuple[float, float, float, int]]] = {}
        self._spans_ns: dict[NodeId, tuple[int, int]] = {}

    def fold(self, node: NodeId, names: tuple[str, ...], batch: records.Telemetry) -> None:
        """Fold a batch in; one whose columns have no names, or others, is only archived."""
        if len(names) != batch.channel_count:
            return
        times_ns, rows = records.unpack_telemetry(batch)
        folded = self._rows.setdefault(node, {})
        for name, column in zip(names, zip(*rows, strict=True), strict=True):
            values = [value for value in column if not math.isnan(value)]
            if values:
                folded[name] = _folded(folded.get(name), values)
        first_ns, last_ns = self._spans_ns.get(node, (times_ns[0], times_ns[-1]))
        self._spans_ns[node] = (min(first_ns, *times_ns), max(last_ns, *times_ns))

    def take_due(self, now_ns: int) -> list[records.Summary]:
        """Hand out the summaries whose period is over."""
        due = [
            node
            for node, (first_ns, _) in self._spans_ns.items()
            if now_ns - first_ns >= self.period_ns
        ]
        summaries = []
        for node in due:
            first_ns, last_ns = self._spans_ns.pop(node)
            rows = self._rows.pop(node)
            summaries.append(
                records.Summary(site_ns=first_ns, end_ns=last_ns, node=node, rows=rows)
            )
        return summaries


def _folded(
    before: tuple[float, float, float, int] | None, values: list[float]
) -> tuple[float, float, float, int]:
    low, high, _, count = before or (values[0], values[0], values[0], 0)
    return min(low, *values), max(high, *values), values[-1], count + len(values)
