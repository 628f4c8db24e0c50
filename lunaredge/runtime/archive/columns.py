"""Many batches of one node and table as columns: what is settled, and what a reader gives.

Pure. N rows, C channels of the table. What doesn't fit its table must be kept away by the caller.
"""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lunaredge.wire.telemetry import Channel, Dtype, Telemetry

Ints = npt.NDArray[np.int64]

_DTYPES = {each: np.dtype(f"<{each.value}") for each in Dtype}


class Panel(NamedTuple):
    """Channels of one type that have values in the same rows."""

    channels: list[int]
    """Places in the table, R of them."""
    rows: Ints | None
    """(V,): rows that have values, rising; None for every row, V = N."""
    values: npt.NDArray[np.generic]
    """(R, V), in the channels' type, little-endian."""


class Frame(NamedTuple):
    """What the channels of a table did."""

    times_ns: Ints
    """(N,): site time of each row, never falling."""
    panels: list[Panel]
    """Each channel that has values is in one of them."""
    blanks: dict[int, Ints]
    """By channel: rows from which on it has no value."""


NOTHING = Frame(np.empty(0, np.int64), [], {})


class Laid(NamedTuple):
    """Batches one behind the other: B of them."""

    batches: Sequence[Telemetry]
    channels: Sequence[Channel]
    counts: Ints
    """(B, C): values of each channel in each batch."""
    row_counts: Ints
    """(B,)."""
    offsets_ns: Ints
    """(N,): of each row from its batch's start."""


def laid(batches: Sequence[Telemetry], channels: Sequence[Channel]) -> Laid | None:
    """Lay batches out; None where one is not of that table, or lies about lengths or times."""
    if not batches:
        return None
    # A batch without rows leaves its counts out.
    none = bytes(2 * len(channels))
    told = [batch.counts if batch.times_ns else batch.counts or none for batch in batches]
    for batch, counts_bytes in zip(batches, told, strict=True):
        odd = len(batch.times_ns) % 8 or len(batch.rows) % 2 or len(batch.blanks) % 4
        if len(counts_bytes) != len(none) or odd:
            return None
    counts = _joined("<u2", told)
    out = Laid(
        batches,
        channels,
        counts.reshape(len(batches), len(channels)).astype(np.int64),
        np.array([len(batch.times_ns) // 8 for batch in batches]),
        _joined("<i8", [batch.times_ns for batch in batches]),
    )
    return out if _is_sound(out) else None


def _is_sound(out: Laid) -> bool:
    batches, counts, row_counts = out.batches, out.counts, out.row_counts
    sizes = np.array([each.dtype.size_bytes for each in out.channels])
    falls = out.offsets_ns[1:] < out.offsets_ns[:-1]
    if falls.any():
        # Between two batches time may do as it likes.
        inner = np.ones(len(out.offsets_ns) + 1, bool)
        inner[np.cumsum(row_counts)] = False
        if falls[inner[1:-1]].any():
            return False
    values_bytes = [len(batch.values) for batch in batches]
    rows_bytes = [len(batch.rows) for batch in batches]
    if (counts @ sizes).tolist() != values_bytes:
        return False
    is_listed = counts != row_counts[:, None]
    if is_listed.any():
        listed = np.where(is_listed, counts, 0).sum(axis=1)
        if (counts > row_counts[:, None]).any() or (2 * listed).tolist() != rows_bytes:
            return False
        rows = _joined("<u2", [batch.rows for batch in batches])
        if (rows >= np.repeat(row_counts, listed)).any():
            return False
    elif any(rows_bytes):
        return False
    return all(_fits_blanks(batch, len(out.channels)) for batch in batches if batch.blanks)


def frame(out: Laid) -> Frame:
    """Give batches as columns."""
    starts_ns = np.array([batch.site_ns for batch in out.batches], np.int64)
    times_ns = out.offsets_ns + np.repeat(starts_ns, out.row_counts)
    panels = []
    first = 0
    for dtype, run in itertools.groupby(out.channels, key=lambda each: each.dtype):
        last = first + len(list(run))
        panels += _panels(out, _values(out, first, last), _DTYPES[dtype], first, last)
        first = last
    return _in_order(Frame(times_ns, panels, _blanks(out)))


def cut(whole: Frame, start: int, end: int) -> Frame:
    """Give the rows from one to another as a frame."""
    panels = []
    for panel in whole.panels:
        if panel.rows is None:
            panels.append(panel._replace(values=panel.values[:, start:end]))
            continue
        low, high = np.searchsorted(panel.rows, (start, end))
        if low < high:
            rows, values = panel.rows[low:high] - start, panel.values[:, low:high]
            panels.append(panel._replace(rows=rows, values=values))
    blanks = {
        channel: rows[(rows >= start) & (rows < end)] - start
        for channel, rows in whole.blanks.items()
    }
    return Frame(
        whole.times_ns[start:end],
        panels,
        {channel: rows for channel, rows in blanks.items() if len(rows)},
    )


def _row_bases(out: Laid) -> Ints:
    """Give how many rows there are before each batch, (B,)."""
    return np.cumsum(out.row_counts) - out.row_counts


def _fits_blanks(batch: Telemetry, channel_count: int) -> bool:
    pairs = np.frombuffer(batch.blanks, "<u2").reshape(-1, 2)
    return bool((pairs < (len(batch.times_ns) // 8, channel_count)).all())


def _joined(dtype: str, parts: Sequence[bytes]) -> npt.NDArray[np.int64]:
    return np.frombuffer(b"".join(parts), dtype)


def _values(out: Laid, first: int, last: int) -> bytes:
    """Give the values of some neighbouring channels, batch behind batch."""
    if last - first == len(out.channels):
        return b"".join([batch.values for batch in out.batches])
    sizes = np.array([each.dtype.size_bytes for each in out.channels])
    ends = np.cumsum(out.counts * sizes, axis=1)
    start = ends[:, first - 1].tolist() if first else [0] * len(out.batches)
    spans = zip(out.batches, start, ends[:, last - 1].tolist(), strict=True)
    return b"".join([batch.values[low:high] for batch, low, high in spans])


def _panels(
    out: Laid, packed: bytes, dtype: np.dtype[np.generic], first: int, last: int
) -> list[Panel]:
    """Give the panels of neighbouring channels of one type."""
    values = np.frombuffer(packed, dtype)
    counts, row_counts = out.counts[:, first:last], out.row_counts
    is_full = (counts == row_counts[:, None]).all(axis=0)
    channels = list(range(first, last))
    if not is_full.all():
        return _sparse_panels(out, values, is_full, channels)
    if len(set(row_counts.tolist())) == 1:
        shape = (len(row_counts), len(channels), int(row_counts[0]))
        matrix = values.reshape(shape).transpose(1, 0, 2).reshape(len(channels), -1)
        return [Panel(channels, None, matrix)]
    cuts = np.cumsum(row_counts * len(channels))[:-1]
    boards = [part.reshape(len(channels), -1) for part in np.split(values, cuts)]
    return [Panel(channels, None, np.concatenate(boards, axis=1))]


def _sparse_panels(
    out: Laid,
    values: npt.NDArray[np.generic],
    is_full: npt.NDArray[np.bool_],
    channels: list[int],
) -> list[Panel]:
    """Sort values by channel: a panel for those that are in every row, one each for the others."""
    counts = out.counts[:, channels[0] : channels[-1] + 1]
    flat = counts.ravel()
    places = np.tile(np.arange(len(channels), dtype=np.uint16), len(out.batches))
    order = np.argsort(np.repeat(places, flat), kind="stable")
    rows, values = _rows(out, channels)[order], values[order]
    ends = np.cumsum(counts.sum(axis=0))
    spans = list(zip((ends - counts.sum(axis=0)).tolist(), ends.tolist(), strict=True))
    panels = []
    full = np.flatnonzero(is_full).tolist()
    if full:
        matrix = np.stack([values[slice(*spans[place])] for place in full])
        panels.append(Panel([channels[place] for place in full], None, matrix))
    for place, (start, end) in enumerate(spans):
        if start < end and not is_full[place]:
            panels.append(Panel([channels[place]], rows[start:end], values[None, start:end]))
    return panels


def _rows(out: Laid, channels: list[int]) -> Ints:
    """Give the row of each value of neighbouring channels, as the values lie."""
    is_listed = out.counts != out.row_counts[:, None]
    before = np.where(is_listed, out.counts, 0)
    ends = np.cumsum(before, axis=1)
    low, high = ends[:, channels[0]] - before[:, channels[0]], ends[:, channels[-1]]
    spans = zip(out.batches, low.tolist(), high.tolist(), strict=True)
    listed = _joined("<u2", [batch.rows[2 * start : 2 * end] for batch, start, end in spans])
    counts = out.counts[:, channels[0] : channels[-1] + 1].ravel()
    asked = np.repeat(is_listed[:, channels[0] : channels[-1] + 1].ravel(), counts)
    # Where a channel is in every row of its batch, its values count the rows.
    rows = np.arange(len(asked)) - np.repeat(np.cumsum(counts) - counts, counts)
    rows[asked] = listed
    return rows + np.repeat(np.repeat(_row_bases(out), len(channels)), counts)


def _blanks(out: Laid) -> dict[int, Ints]:
    found: dict[int, list[int]] = {}
    for batch, base in zip(out.batches, _row_bases(out).tolist(), strict=True):
        if batch.blanks:
            pairs = np.frombuffer(batch.blanks, "<u2").reshape(-1, 2)
            for row, channel in pairs.tolist():
                found.setdefault(channel, []).append(base + row)
    return {channel: np.array(sorted(rows), np.int64) for channel, rows in found.items()}


def _in_order(whole: Frame) -> Frame:
    """Sort the rows by time, where batches overlap."""
    if not (whole.times_ns[1:] < whole.times_ns[:-1]).any():
        return whole
    order = np.argsort(whole.times_ns, kind="stable")
    places = np.empty_like(order)
    places[order] = np.arange(len(order))
    panels = []
    for panel in whole.panels:
        if panel.rows is None:
            panels.append(panel._replace(values=panel.values[:, order]))
        else:
            rows = places[panel.rows]
            rising = np.argsort(rows, kind="stable")
            panels.append(panel._replace(rows=rows[rising], values=panel.values[:, rising]))
    blanks = {channel: np.sort(places[rows]) for channel, rows in whole.blanks.items()}
    return Frame(whole.times_ns[order], panels, blanks)
