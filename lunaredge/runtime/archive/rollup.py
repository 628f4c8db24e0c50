"""Roll-ups: of each channel and bucket of time its count, minimum, maximum and last value.

Pure, and additive: two roll-ups of the same bucket merge into what one of all samples would be. A
bucket's number is its start divided by its length.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lunaredge.runtime.archive.blocks import Packer, Unpacker
from lunaredge.runtime.archive.columns import Frame
from lunaredge.units import NS_PER_S

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

MINUTE_NS = 60 * NS_PER_S
HOUR_NS = 60 * MINUTE_NS


class Rollup(NamedTuple):
    """Entries in order of (series, bucket), E of them, all (E,)."""

    series: Ints
    buckets: Ints
    counts: Ints
    lows: Floats
    highs: Floats
    lasts: Floats
    last_ns: Ints


_FIRST = np.zeros(1, np.int64)
_NO_INTS, _NO_FLOATS = np.empty(0, np.int64), np.empty(0, np.float64)
EMPTY = Rollup(_NO_INTS, _NO_INTS, _NO_INTS, _NO_FLOATS, _NO_FLOATS, _NO_FLOATS, _NO_INTS)


def rolled_up(frame: Frame, series: Sequence[int], step_ns: int) -> Rollup:
    """Roll up a frame; values that are not finite, and blanks, are passed over.

    Args:
        frame: Samples in order of time.
        series: The number of each of the table's channels.
        step_ns: Length of a bucket.
    """
    parts = []
    for panel in frame.panels:
        times_ns = frame.times_ns if panel.rows is None else frame.times_ns[panel.rows]
        is_finite = np.isfinite(panel.values)
        if is_finite.all():
            numbers = [series[each] for each in panel.channels]
            parts.append(_rolled(times_ns, panel.values, numbers, step_ns))
            continue
        for channel, values, mask in zip(panel.channels, panel.values, is_finite, strict=True):
            sound = values[mask][None, :]
            parts.append(_rolled(times_ns[mask], sound, [series[channel]], step_ns))
    return joined(parts)


def _rolled(
    times_ns: Ints, values: npt.NDArray[np.generic], numbers: Sequence[int], step_ns: int
) -> Rollup:
    """Roll up channels that have values at the same times, (R, V)."""
    if not len(times_ns):
        return EMPTY
    buckets = times_ns // step_ns
    starts = np.concatenate((_FIRST, np.flatnonzero(buckets[1:] != buckets[:-1]) + 1))
    ends = np.append(starts[1:], len(times_ns)) - 1
    count = len(numbers)
    return Rollup(
        np.repeat(np.array(numbers, np.int64), len(starts)),
        np.tile(buckets[starts], count),
        np.tile(ends + 1 - starts, count),
        np.minimum.reduceat(values, starts, axis=1).ravel().astype(np.float64),
        np.maximum.reduceat(values, starts, axis=1).ravel().astype(np.float64),
        values[:, ends].ravel().astype(np.float64),
        np.tile(times_ns[ends], count),
    )


def joined(parts: Iterable[Rollup]) -> Rollup:
    """Give several roll-ups as one, their entries one behind the other."""
    columns = list(zip(*parts, strict=True))
    if not columns:
        return EMPTY
    return Rollup(*[np.concatenate(column) for column in columns])


def merged(whole: Rollup) -> Rollup:
    """Make one of entries of the same series and bucket."""
    if not len(whole.series):
        return whole
    whole = _in_order(whole)
    changes = (whole.series[1:] != whole.series[:-1]) | (whole.buckets[1:] != whole.buckets[:-1])
    if changes.all():
        return whole
    starts = np.concatenate((_FIRST, np.flatnonzero(changes) + 1))
    ends = np.append(starts[1:], len(whole.series)) - 1
    return Rollup(
        whole.series[starts],
        whole.buckets[starts],
        np.add.reduceat(whole.counts, starts),
        np.minimum.reduceat(whole.lows, starts),
        np.maximum.reduceat(whole.highs, starts),
        whole.lasts[ends],
        whole.last_ns[ends],
    )


def coarser(whole: Rollup, factor: int) -> Rollup:
    """Give the roll-up of buckets that are so many times as long."""
    return merged(whole._replace(buckets=whole.buckets // factor))


def _in_order(whole: Rollup) -> Rollup:
    """Sort entries by series and bucket; of two of one time the one told later is the last."""
    rises = np.diff(whole.series)
    goes_on = rises == 0
    if bool((rises >= 0).all() and (np.diff(whole.last_ns)[goes_on] >= 0).all()):
        return whole  # a later bucket's last sample is later
    return chosen(whole, np.lexsort((whole.last_ns, whole.buckets, whole.series)))


def fuller(one: Rollup, other: Rollup) -> Rollup:
    """Give of each bucket the entry that has more samples: each is told by two that lack some."""
    whole = joined((one, other))
    order = np.lexsort((-whole.counts, whole.buckets, whole.series))
    series, buckets = whole.series[order], whole.buckets[order]
    first = np.ones(len(order), bool)
    first[1:] = (np.diff(series) != 0) | (np.diff(buckets) != 0)
    return chosen(whole, order[first])


def chosen(whole: Rollup, places: npt.NDArray[np.bool_] | Ints) -> Rollup:
    """Give some of the entries, by a mask or by their places."""
    return Rollup(
        whole.series[places],
        whole.buckets[places],
        whole.counts[places],
        whole.lows[places],
        whole.highs[places],
        whole.lasts[places],
        whole.last_ns[places],
    )


def pack(whole: Rollup, packer: Packer) -> bytes:
    """Give a roll-up as bytes."""
    board = np.concatenate([column.view("<u8") for column in whole]).reshape(len(whole), -1)
    return packer.board(board)


def unpack(packed: bytes, unpacker: Unpacker) -> Rollup:
    """Take a roll-up's bytes apart."""
    board = unpacker.board(packed, len(Rollup._fields))
    ints = board.view(np.int64)
    floats = board.view(np.float64)
    return Rollup(ints[0], ints[1], ints[2], floats[3], floats[4], floats[5], ints[6])
