"""What people and scripts are told: the last values of a node, and how the intake goes."""

from collections.abc import Collection, Iterable

import msgspec

from lunaredge.archive.intake import Intake
from lunaredge.archive.latest import Latest
from lunaredge.archive.streams import Counts
from lunaredge.archive.tables import Tables
from lunaredge.ids import NodeId
from lunaredge.units import NS_PER_S
from lunaredge.wire.messages import Answer, LatestRequest

Row = dict[str, object]


class Quota:
    """How many questions are answered in a second of site time: whoever asks needs no key."""

    def __init__(self, answers_per_s_max: int) -> None:
        self._answers_per_s_max = answers_per_s_max
        self._second = 0
        self._count = 0

    def take(self, now_ns: int) -> bool:
        """Take one up, and tell whether there was one left."""
        second = now_ns // NS_PER_S
        self._count = self._count + 1 if second == self._second else 1
        self._second = second
        return self._count <= self._answers_per_s_max


def latest(
    known: Latest, tables: Tables, asked: LatestRequest, nodes: Collection[NodeId], now_ns: int
) -> Answer:
    """Give the last value of each channel of a node."""
    if asked.node not in nodes:
        text = f"no node {asked.node} is enrolled at this site"
        return Answer(request=asked.request, ok=False, text=text)
    channels = tables.newest(asked.node)
    if not channels:
        text = f"{asked.node} has not announced its channels since these books began"
        return Answer(request=asked.request, ok=False, text=text)
    shown = known.show(asked.node, channels, now_ns)
    text = f"{len(shown)} channels of {asked.node}"
    return Answer(request=asked.request, ok=True, text=text, rows=msgspec.json.encode(shown))


def intake_rows(intake: Intake, known: Latest, nodes: Iterable[NodeId], now_ns: int) -> list[Row]:
    """Give how the intake of each node goes."""
    rows: list[Row] = []
    for node in nodes:
        streams = intake.streams.of_node(node)
        sums = {
            name: sum(getattr(stream.counts, name) for _, stream in streams)
            for name in Counts.__struct_fields__
        }
        through_ns = known.through_ns(node)
        rows.append(
            {
                "node": node,
                **sums,
                "backlog": sum(stream.backlog for _, stream in streams),
                "holes": sum(len(stream.holes()) for _, stream in streams),
                "quarantined_by_reason": intake.quarantined.get(node, {}),
                "age_s": (now_ns - through_ns) / 1e9 if through_ns else None,
            }
        )
    return rows
