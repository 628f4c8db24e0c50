"""Which numbers of which streams are in the archive, as few stretches of one kind.

Pure. A stream is one (node, boot, class). Two stretches become one where they are of one kind and
touch, in numbers and in time; so a healthy node has one stretch for each of its lives.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lunaredge.node import KeepKind
from lunaredge.runtime.archive.entry import KINDS
from lunaredge.runtime.archive.segment import Index
from lunaredge.wire.messages import RECORD_CLASSES, RecordClass
from lunaredge.wire.ranges import Ranges


class Stream(NamedTuple):
    """Whose numbers they are."""

    node: str
    boot: int
    record_class: RecordClass


# What a database counts to, with room: a node may lie about what it has dropped.
SAMPLES_MAX = 2**62


class Stretch(NamedTuple):
    """Numbers of a stream that are there as one kind, and of which time they speak."""

    first_seq: int
    last_seq: int
    kind: KeepKind
    samples: int
    """Samples inside; of what is missing, 0."""
    start_ns: int
    end_ns: int
    """Both 0 where the time is not known."""
    reason: str = ""


class Laid(NamedTuple):
    """What a segment's entries come to."""

    streams: dict[Stream, list[Stretch]]
    """Rising by number, none overlapping."""
    repeated: list[int]
    """Entries whose numbers are all there by earlier ones."""


class Verdict(NamedTuple):
    """What an entry turned out to be."""

    kind: KeepKind
    reason: str


Known = Callable[[Stream, int, int], list[tuple[int, int]]]
"""Gives which of a stream's numbers between two are there already, as ranges."""


def merged(stretches: Iterable[Stretch], touch_ns: int) -> list[Stretch]:
    """Give stretches, none overlapping, in order of number, with those that touch made one."""
    kept: list[Stretch] = []
    for stretch in sorted(stretches, key=lambda each: each.first_seq):
        if kept and _touch(kept[-1], stretch, touch_ns):
            kept[-1] = _joined(kept[-1], stretch)
        else:
            kept.append(stretch)
    return kept


def laid(index: Index, verdicts: Mapping[int, Verdict], touch_ns: int, known: Known) -> Laid:
    """Give which numbers a segment's entries stand for.

    Each number counts once: as what is known, or else as the first entry says that has it.

    Args:
        index: The segment's entries.
        verdicts: Of entries that are not what they were entered as.
        touch_ns: Stretches nearer to each other in time than that are one.
        known: What is in the archive by other segments.
    """
    fixed = index.fixed
    order = np.lexsort((fixed["first_seq"], fixed["class"], fixed["boot"], index.node))
    streams: dict[Stream, list[Stretch]] = {}
    repeated: list[int] = []
    for stream, entries in _by_stream(index, order):
        firsts, lasts = fixed["first_seq"][entries], fixed["last_seq"][entries]
        taken = known(stream, int(firsts[0]), int(lasts.max()))
        if taken or bool((firsts[1:] <= lasts[:-1]).any()):
            told, again = _counted_once(index, np.sort(entries), verdicts, taken)
            repeated += again
            told = merged(told, touch_ns)
        else:
            told = _runs(index, entries, verdicts, touch_ns)
        if told:
            streams[stream] = told
    return Laid(streams, repeated)


def _by_stream(
    index: Index, order: npt.NDArray[np.int64]
) -> list[tuple[Stream, npt.NDArray[np.int64]]]:
    """Cut the sorted entries into those of each stream."""
    if not len(order):
        return []
    boots, classes = index.fixed["boot"][order], index.fixed["class"][order]
    nodes = index.node[order]
    changes = (np.diff(nodes) != 0) | (np.diff(boots) != 0) | (np.diff(classes) != 0)
    cuts = np.flatnonzero(changes) + 1
    starts = [0, *cuts.tolist()]
    streams = [
        Stream(index.nodes[int(nodes[at])], int(boots[at]), RECORD_CLASSES[int(classes[at])])
        for at in starts
    ]
    return list(zip(streams, np.split(order, cuts), strict=True))


def _runs(
    index: Index,
    entries: npt.NDArray[np.int64],
    verdicts: Mapping[int, Verdict],
    touch_ns: int,
) -> list[Stretch]:
    """Make one of each run of a stream's entries that touch; they rise and don't overlap."""
    fixed = index.fixed[entries]
    if verdicts or index.reasons:
        return merged((_stretch(index, int(entry), verdicts) for entry in entries), touch_ns)
    before, after = fixed[:-1], fixed[1:]
    breaks = (
        (before["kind"] != after["kind"])
        | (before["last_seq"] + 1 != after["first_seq"])
        | ((before["end_ns"] == 0) != (after["end_ns"] == 0))
        | (after["start_ns"] > before["end_ns"] + touch_ns)
        | (after["end_ns"] < before["start_ns"] - touch_ns)
    )
    starts = np.concatenate(([0], np.flatnonzero(breaks) + 1))
    ends = np.concatenate((starts[1:], [len(entries)])) - 1
    columns = zip(
        fixed["first_seq"][starts].tolist(),
        fixed["last_seq"][ends].tolist(),
        fixed["kind"][starts].tolist(),
        np.add.reduceat(fixed["count"], starts).tolist(),
        np.minimum.reduceat(fixed["start_ns"], starts).tolist(),
        np.maximum.reduceat(fixed["end_ns"], starts).tolist(),
        strict=True,
    )
    return [Stretch(first, last, KINDS[kind - 1], *rest) for first, last, kind, *rest in columns]


def _counted_once(
    index: Index,
    entries: npt.NDArray[np.int64],
    verdicts: Mapping[int, Verdict],
    taken: list[tuple[int, int]],
) -> tuple[list[Stretch], list[int]]:
    """Give what each entry of a stream adds, as they were written, and those that add nothing."""
    told, again, ranges = [], [], Ranges(taken)
    for entry in entries.tolist():
        stretch = _stretch(index, entry, verdicts)
        holes = ranges.holes(stretch.first_seq, stretch.last_seq)
        if not holes:
            again.append(entry)
        for first, last in holes:
            told.append(stretch._replace(first_seq=first, last_seq=last))
            # Its samples are counted with its first part.
            stretch = stretch._replace(samples=0)
        ranges.add(stretch.first_seq, stretch.last_seq)
    return told, again


def _stretch(index: Index, entry: int, verdicts: Mapping[int, Verdict]) -> Stretch:
    fixed = index.fixed[entry]
    verdict = verdicts.get(entry)
    return Stretch(
        first_seq=int(fixed["first_seq"]),
        last_seq=int(fixed["last_seq"]),
        kind=verdict.kind if verdict else KINDS[int(fixed["kind"]) - 1],
        samples=int(fixed["count"]),
        start_ns=int(fixed["start_ns"]),
        end_ns=int(fixed["end_ns"]),
        reason=verdict.reason if verdict else index.reasons.get(entry, ""),
    )


def _touch(before: Stretch, after: Stretch, touch_ns: int) -> bool:
    return (
        before.last_seq + 1 == after.first_seq
        and before.kind is after.kind
        and before.reason == after.reason
        and (before.end_ns == 0) == (after.end_ns == 0)
        and after.start_ns <= before.end_ns + touch_ns
        and after.end_ns >= before.start_ns - touch_ns
    )


def _joined(before: Stretch, after: Stretch) -> Stretch:
    return before._replace(
        last_seq=after.last_seq,
        samples=min(before.samples + after.samples, SAMPLES_MAX),
        start_ns=min(before.start_ns, after.start_ns),
        end_ns=max(before.end_ns, after.end_ns),
    )
