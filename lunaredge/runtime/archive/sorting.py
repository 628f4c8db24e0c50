"""Which entries of a segment belong together, and what else there is in it."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from lunaredge.node import KeepKind
from lunaredge.runtime.archive.columns import NOTHING, Frame, frame, laid
from lunaredge.runtime.archive.coverage import Stream, Verdict
from lunaredge.runtime.archive.day_file import KeptRecord
from lunaredge.runtime.archive.entry import KINDS
from lunaredge.runtime.archive.segment import Index, Segment
from lunaredge.wire.malformed import MALFORMED
from lunaredge.wire.messages import RECORD_CLASSES, RecordClass
from lunaredge.wire.telemetry import Channel, Telemetry

Ints = npt.NDArray[np.int64]
Tables = Mapping[bytes, tuple[Channel, ...]]

_SAMPLES_CODE = KINDS.index(KeepKind.SAMPLES) + 1
_RAW_CODE = RECORD_CLASSES.index(RecordClass.RAW)

_decoder = msgspec.msgpack.Decoder(Telemetry)


class Group(NamedTuple):
    """Uploads of samples of one node and table, all late or all not, in order of time."""

    node: int
    """Its place in the index."""
    table: bytes
    late: bool
    entries: Ints


def groups(index: Index, tables: Tables, left_out: list[int]) -> list[Group]:
    """Give the uploads of samples whose table is known, a node's groups side by side."""
    fixed = index.fixed
    digests = fixed["table"].tolist()
    numbers: dict[bytes, int] = {}
    table = np.array([numbers.setdefault(digest, len(numbers)) for digest in digests], np.int64)
    is_known = np.array([digest in tables for digest in numbers] or [False])
    mask = (fixed["kind"] == _SAMPLES_CODE) & (fixed["class"] == _RAW_CODE)
    mask &= is_known[table] if len(table) else mask
    mask[left_out] = False
    chosen = np.flatnonzero(mask)
    keys = (fixed["start_ns"][chosen], fixed["late"][chosen], table[chosen], index.node[chosen])
    order = chosen[np.lexsort(keys)]
    if not len(order):
        return []
    changes = np.zeros(len(order) - 1, bool)
    for column in (index.node, table, fixed["late"]):
        changes |= np.diff(column[order].astype(np.int64)) != 0
    found = []
    for entries in np.split(order, np.flatnonzero(changes) + 1):
        first = int(entries[0])
        late = bool(fixed["late"][first])
        found.append(Group(int(index.node[first]), digests[first], late, entries))
    return found


def frames(
    segment: Segment,
    index: Index,
    group: Group,
    channels: tuple[Channel, ...],
    bytes_max: int,
) -> Iterator[tuple[Frame, dict[int, Verdict]]]:
    """Give what a group's uploads hold, some of them at a time, and which can't be read."""
    taken = np.cumsum(index.record_bytes[group.entries])
    cuts = np.flatnonzero(np.diff(taken // bytes_max)) + 1
    for entries in np.split(group.entries, cuts):
        batches: list[Telemetry] = []
        verdicts: dict[int, Verdict] = {}
        for entry in entries.tolist():
            try:
                batches.append(_decoder.decode(record_of(segment, index, entry)))
            except MALFORMED as exc:
                verdicts[entry] = Verdict(KeepKind.QUARANTINED, f"garbage: {exc}"[:200])
        out = laid(batches, channels)
        if out is None and batches:
            batches = _fitting(segment, index, entries, channels, verdicts)
            out = laid(batches, channels)
        yield frame(out) if out is not None else NOTHING, verdicts


def others(index: Index, sorted_groups: list[Group], left_out: list[int]) -> list[int]:
    """Give the entries that are no samples, or whose table nobody knows."""
    mask = np.ones(len(index.fixed), bool)
    mask[left_out] = False
    for group in sorted_groups:
        mask[group.entries] = False
    return np.flatnonzero(mask).tolist()


def verdict_of(index: Index, entry: int) -> Verdict | None:
    """Say what is wrong with an entry that is in no group; None for nothing."""
    fixed = index.fixed[entry]
    is_samples = fixed["kind"] == _SAMPLES_CODE and fixed["class"] == _RAW_CODE
    return Verdict(KeepKind.QUARANTINED, "no table") if is_samples else None


def kept_record(
    segment: Segment, index: Index, entry: int, verdict: Verdict | None
) -> KeptRecord | None:
    """Give what is to be kept of an entry as it came; None where it holds nothing."""
    fixed = index.fixed[entry]
    record = record_of(segment, index, entry)
    kind = verdict.kind if verdict else KINDS[int(fixed["kind"]) - 1]
    if not record and kind is not KeepKind.QUARANTINED:
        return None
    return KeptRecord(
        stream=Stream(
            index.nodes[int(index.node[entry])],
            int(fixed["boot"]),
            RECORD_CLASSES[int(fixed["class"])],
        ),
        first_seq=int(fixed["first_seq"]),
        last_seq=int(fixed["last_seq"]),
        kind=kind,
        samples=int(fixed["count"]),
        start_ns=int(fixed["start_ns"]),
        end_ns=int(fixed["end_ns"]),
        received_ns=int(fixed["received_ns"]),
        late=bool(fixed["late"]),
        reason=verdict.reason if verdict else index.reasons.get(entry, ""),
        record=record,
    )


def record_of(segment: Segment, index: Index, entry: int) -> bytes:
    """Give the bytes of an entry's record."""
    return segment.record(int(index.record_at[entry]), int(index.record_bytes[entry]))


def _fitting(
    segment: Segment,
    index: Index,
    entries: Ints,
    channels: tuple[Channel, ...],
    verdicts: dict[int, Verdict],
) -> list[Telemetry]:
    """Give the batches that fit their table, and enter a verdict for each that doesn't."""
    batches = []
    for entry in entries.tolist():
        if entry in verdicts:
            continue
        batch = _decoder.decode(record_of(segment, index, entry))
        if laid([batch], channels) is not None:
            batches.append(batch)
        else:
            verdicts[entry] = Verdict(KeepKind.QUARANTINED, "columns")
    return batches
