"""Buckets of a channel: from the roll-ups where they tell, else from the samples."""

import contextlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lunaredge.errors import JournalCorrupt, QueryError, StorageError
from lunaredge.runtime.archive.columns import Frame, Panel
from lunaredge.runtime.archive.day_file import day_of
from lunaredge.runtime.archive.day_reader import Lost
from lunaredge.runtime.archive.rollup import (
    EMPTY,
    Rollup,
    coarser,
    fuller,
    joined,
    merged,
    rolled_up,
)
from lunaredge.runtime.archive.rollup_file import Level, RollupReader, periods_of
from lunaredge.runtime.archive.snapshot import Snapshot
from lunaredge.runtime.archive.sources import (
    ChannelPiece,
    Kind,
    Wanted,
    clipped,
    log_pieces,
    settled_pieces,
)
from lunaredge.units import utc_from_ns

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class Buckets(NamedTuple):
    """What one channel did by stretches of time; those without a sample are left out. B of them."""

    starts_ns: Ints
    """(B,): when a bucket begins, ns, rising; a multiple of its length."""
    counts: Ints
    """(B,): samples inside."""
    mins: Floats
    """(B,)"""
    maxs: Floats
    """(B,)"""
    lasts: Floats
    """(B,): the value of the newest sample inside."""


def aligned(span_ns: tuple[int, int], step_ns: int) -> tuple[int, int]:
    """Give the whole buckets that a time is in.

    Raises:
        QueryError: a length that is none.
    """
    if step_ns < 1:
        raise QueryError(f"buckets of {step_ns} ns; give a length of 1 ns or more")
    low, high = span_ns[0] // step_ns, -(-span_ns[1] // step_ns)
    return low * step_ns, high * step_ns


def buckets(
    folder: Path, snapshot: Snapshot, wanted: Wanted, step_ns: int, lost: list[Lost]
) -> Buckets:
    """Give the buckets of a channel; the time is a whole number of them. Enter what is damaged.

    Raises:
        QueryError: the channel's unit or type changes in that time, and no unit is asked for.
    """
    level = next(
        (level for level in (Level.HOURS, Level.MINUTES) if step_ns % level.step_ns == 0), None
    )
    kinds: dict[Kind, int] = {}
    if level is None:
        pieces = settled_pieces(folder, snapshot, wanted, lost)
        parts = [_of_pieces(pieces, wanted, step_ns, kinds)]
    else:
        parts = [
            coarser(part, step_ns // level.step_ns)
            for part in _settled(folder, snapshot, wanted, level, kinds)
        ]
    parts.append(_of_pieces(log_pieces(snapshot, wanted), wanted, step_ns, kinds))
    check_kinds(wanted, kinds)
    whole = merged(joined(parts))
    return Buckets(whole.buckets * step_ns, whole.counts, whole.lows, whole.highs, whole.lasts)


def check_kinds(wanted: Wanted, kinds: Mapping[Kind, int]) -> None:
    """Make sure that a channel is measured in one way.

    Args:
        wanted: What was asked for.
        kinds: How it is measured, and from when on.

    Raises:
        QueryError: it is not; the message names the times of change.
    """
    changes = sorted(kinds.items(), key=lambda item: item[1])
    if len({kind.unit for kind in kinds} if wanted.unit is not None else kinds) > 1:
        told = ", ".join(
            f"{kind.unit} ({kind.dtype}) from {utc_from_ns(since)}" for kind, since in changes
        )
        raise QueryError(
            f"{wanted.node} has {wanted.channel} in several ways: {told};"
            " ask for a time between two changes, or for one unit"
        )


def _settled(
    folder: Path, snapshot: Snapshot, wanted: Wanted, level: Level, kinds: dict[Kind, int]
) -> Iterable[Rollup]:
    """Give what is settled, period by period, at the step of that level."""
    periods = periods_of(folder, level)
    # Of a file that is gone the samples may be there.
    days = day_of(wanted.span_ns[0]), day_of(wanted.span_ns[1])
    for day in snapshot.catalog.written(days):
        periods.setdefault(level.period(day), False)
    for period, is_whole in sorted(periods.items()):
        span_ns = level.span_ns(period)
        start_ns, end_ns = (
            max(span_ns[0], wanted.span_ns[0]),
            min(span_ns[1], wanted.span_ns[1]),
        )
        if start_ns >= end_ns:
            continue
        part = wanted._replace(span_ns=(start_ns, end_ns))
        told, is_sound = _of_file(folder, snapshot, part, level, period)
        for kind, since_ns in told.kinds.items():
            kinds.setdefault(kind, since_ns)
        if is_whole and is_sound:
            yield told.whole
        else:
            # What a damaged file held can be had from the samples, while they are there.
            pieces = settled_pieces(folder, snapshot, part, [])
            yield fuller(told.whole, _of_pieces(pieces, part, level.step_ns, kinds))


class _Told(NamedTuple):
    whole: Rollup
    kinds: dict[Kind, int]


def _of_file(
    folder: Path, snapshot: Snapshot, wanted: Wanted, level: Level, period: str
) -> tuple[_Told, bool]:
    """Give what a roll-up file tells, and whether all of it is sound."""
    nothing = _Told(EMPTY, {})
    try:
        reader = RollupReader.open(folder, level, period, snapshot.through)
    except (FileNotFoundError, StorageError):
        return nothing, False
    with contextlib.closing(reader):
        try:
            asked = {
                series.id: series
                for series in reader.series(wanted.node)
                if series.channel == wanted.channel and wanted.unit in (None, series.unit)
            }
            whole = reader.rollup(wanted.node, list(asked), *wanted.span_ns)
        except JournalCorrupt:
            return nothing, False
        kinds = {}
        for number in np.unique(whole.series).tolist():
            first = int(whole.buckets[whole.series == number].min()) * level.step_ns
            kinds[Kind(asked[number].unit, asked[number].dtype)] = first
        return _Told(_one_series(whole), kinds), not reader.lost


def _of_pieces(
    pieces: Iterable[ChannelPiece], wanted: Wanted, step_ns: int, kinds: dict[Kind, int]
) -> Rollup:
    """Roll pieces up, and enter how the channel is measured in them."""
    parts = []
    for piece in clipped(pieces, wanted):
        kinds.setdefault(piece.kind, int(piece.times_ns[0]))
        panel = Panel([0], None, piece.values[None, :])
        parts.append(rolled_up(Frame(piece.times_ns, [panel], {}), [0], step_ns))
    return merged(joined(parts))


def _one_series(whole: Rollup) -> Rollup:
    return merged(whole._replace(series=np.zeros_like(whole.series)))
