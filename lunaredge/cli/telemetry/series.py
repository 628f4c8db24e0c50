"""A channel over some time: read in pieces, and folded into columns for whoever draws it."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lunaredge.cli.telemetry.times import DAY_NS, HOUR_NS
from lunaredge.runtime.archive.bucketing import Buckets
from lunaredge.runtime.archive.gaps import Gap
from lunaredge.runtime.archive.read import ArchiveReader, Samples
from lunaredge.units import NS_PER_S

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

MINUTE_NS = 60 * NS_PER_S
# Of so long a time all samples are looked at for blanks; of a longer one the roll-ups are enough.
_BLANKS_NS_MAX = DAY_NS


class Asked(NamedTuple):
    """A channel of a node, and the time that is asked for."""

    reader: ArchiveReader
    node: str
    channel: str
    unit: str
    """As people read it; of several, those that there are."""
    only_unit: str | None
    """What was measured in that unit alone."""
    span_ns: tuple[int, int]
    known_ns: tuple[int, int]
    """First and last of which the channel's node tells."""


class Columns(NamedTuple):
    """A channel by C stretches of one length; what is not known is NaN."""

    starts_ns: Ints
    """(C,)"""
    step_ns: int
    lows: Floats
    """(C,): the least; of a stretch in which nothing changed, the value that stood."""
    highs: Floats
    """(C,)"""
    counts: Ints
    """(C,): samples inside."""
    gaps: list[Gap]
    """What is not there."""
    in_gap: Bools
    """(C,): something is missing there, however little of it."""

    @property
    def sample_count(self) -> int:
        """Samples in all."""
        return int(self.counts.sum())


def pieces(asked: Asked) -> Iterator[Samples]:
    """Give all samples, a day at a time, so that memory has a bound.

    Raises:
        QueryError: the unit changes in a day, and none is asked for.
    """
    for start_ns, end_ns in windows(asked.span_ns, DAY_NS):
        if start_ns <= asked.known_ns[1] and end_ns > asked.known_ns[0]:
            found = asked.reader.samples(
                asked.node, asked.channel, start_ns, end_ns, asked.only_unit
            )
            if len(found.times_ns):
                yield found


def buckets(asked: Asked, step_ns: int) -> Iterator[Buckets]:
    """Give buckets, some days at a time.

    Raises:
        QueryError: the unit changes.
    """
    low_ns = max(asked.span_ns[0], asked.known_ns[0]) // step_ns * step_ns
    high_ns = min(asked.span_ns[1], asked.known_ns[1] + 1)
    for start_ns, end_ns in windows((low_ns, high_ns), -(-DAY_NS // step_ns) * step_ns):
        found = asked.reader.buckets(asked.node, asked.channel, start_ns, end_ns, step_ns)
        if len(found.starts_ns):
            yield found


def before(asked: Asked) -> tuple[int, float] | None:
    """Give time and value of the last sample before the time asked for; None where there is none.

    The value is NaN where the channel had none any more.
    """
    first_ns, start_ns = asked.known_ns[0], asked.span_ns[0]
    if start_ns <= first_ns:
        return None
    hours = asked.reader.buckets(asked.node, asked.channel, first_ns, start_ns, HOUR_NS)
    for low_ns in reversed(hours.starts_ns.tolist()):
        near = asked.reader.samples(asked.node, asked.channel, low_ns, start_ns, asked.only_unit)
        if len(near.times_ns):
            return int(near.times_ns[-1]), float(near.values[-1])
    return None


def still_stands(asked: Asked, at_ns: int) -> bool:
    """Tell whether a value of before still stands where the time begins: no gap is in between."""
    return not timed_gaps(asked, (at_ns + 1, asked.span_ns[0]))


def timed_gaps(asked: Asked, span_ns: tuple[int, int]) -> list[Gap]:
    """Give what is not there of a time, less that of which nobody knows when it was."""
    found = (gap for gap in asked.reader.gaps(asked.node, *span_ns) if gap.end_ns)
    # The reader gives those too that only adjoin it.
    return [gap for gap in found if gap.start_ns < span_ns[1] and gap.end_ns > span_ns[0]]


def columns(asked: Asked, count_max: int) -> Columns:
    """Fold a channel into so many columns at most.

    A channel is sent when it changes: where nothing is missing, the last value stands. Behind a
    gap it stands no more, for a change may be in there.

    Raises:
        QueryError: the unit changes.
    """
    step_ns = _step(asked.span_ns, count_max)
    low_ns = asked.span_ns[0] // step_ns * step_ns
    starts_ns = np.arange(low_ns, asked.span_ns[1], step_ns, dtype=np.int64)
    lows, highs = np.full(len(starts_ns), np.nan), np.full(len(starts_ns), np.nan)
    lasts, counts = lows.copy(), np.zeros(len(starts_ns), np.int64)
    for found in buckets(asked, step_ns):
        places = (found.starts_ns - low_ns) // step_ns
        lows[places], highs[places], lasts[places] = found.mins, found.maxs, found.lasts
        counts[places] = found.counts
    gaps = timed_gaps(asked, asked.span_ns)
    spans = [(gap.start_ns, gap.end_ns) for gap in gaps]
    in_gap = _touched(starts_ns, step_ns, spans)
    held = _held(lasts, in_gap & (counts == 0), _stood(asked))
    is_known = (starts_ns <= asked.known_ns[1]) & (starts_ns + step_ns > asked.known_ns[0])
    stands = (counts == 0) & ~in_gap & is_known & ~_within(starts_ns, step_ns, _blanks(asked))
    lows[stands], highs[stands] = held[stands], held[stands]
    return Columns(starts_ns, step_ns, lows, highs, counts, gaps, in_gap)


def windows(span_ns: tuple[int, int], step_ns: int) -> Iterator[tuple[int, int]]:
    """Cut a time at whole multiples of a length."""
    at_ns = span_ns[0]
    while at_ns < span_ns[1]:
        end_ns = min(span_ns[1], (at_ns // step_ns + 1) * step_ns)
        yield at_ns, end_ns
        at_ns = end_ns


def _step(span_ns: tuple[int, int], count_max: int) -> int:
    """Give the length of a column: whole minutes where it may, which the roll-ups tell of."""
    assert count_max > 1, count_max
    step_ns = max(1, -(-(span_ns[1] - span_ns[0]) // (count_max - 1)))
    for whole_ns in (HOUR_NS, MINUTE_NS):
        if step_ns >= whole_ns:
            return -(-step_ns // whole_ns) * whole_ns
    return step_ns


def _stood(asked: Asked) -> float:
    """Give the value that stands where the time begins; NaN where nobody knows."""
    stood = before(asked)
    if stood is None or not still_stands(asked, stood[0]):
        return float("nan")
    return stood[1]


def _held(lasts: Floats, is_lost: Bools, stood: float) -> Floats:
    """Give the value that stands where a column begins, (C,): the last one before it.

    Behind a column of which something is lost none does.
    """
    known = np.concatenate(([stood], lasts[:-1]))
    is_told = ~np.isnan(known) | np.concatenate(([False], is_lost[:-1]))
    places = np.where(is_told, np.arange(len(known)), 0)
    return np.asarray(known[np.maximum.accumulate(places)])


def _touched(starts_ns: Ints, step_ns: int, spans: Sequence[tuple[int, int]]) -> Bools:
    """Tell which columns have any part in one of the times."""
    found = np.zeros(len(starts_ns), bool)
    for start_ns, end_ns in spans:
        found |= (starts_ns < end_ns) & (starts_ns + step_ns > start_ns)
    return found


def _within(starts_ns: Ints, step_ns: int, spans: Sequence[tuple[int, int]]) -> Bools:
    """Tell which columns have their midst in one of the times."""
    middles_ns = starts_ns + step_ns // 2
    found = np.zeros(len(starts_ns), bool)
    for start_ns, end_ns in spans:
        found |= (middles_ns >= start_ns) & (middles_ns < end_ns)
    return found


def _blanks(asked: Asked) -> list[tuple[int, int]]:
    """Give when the channel said that it has no value."""
    if asked.span_ns[1] - asked.span_ns[0] > _BLANKS_NS_MAX:
        return []
    spans, since_ns = [], None
    stood = before(asked)
    if stood is not None and np.isnan(stood[1]):
        since_ns = asked.span_ns[0]
    for found in pieces(asked):
        is_blank = np.isnan(found.values)
        turns = np.flatnonzero(np.diff(is_blank.astype(np.int8), prepend=since_ns is not None))
        for turn in turns.tolist():
            at_ns = int(found.times_ns[turn])
            if is_blank[turn]:
                since_ns = at_ns
            elif since_ns is not None:
                spans.append((since_ns, at_ns))
                since_ns = None
    return [*spans, (since_ns, asked.span_ns[1])] if since_ns is not None else spans
