"""Times on the command line: ISO 8601, a time before the end, the start of what is there, or now.

Pure. Whoever asks says what is there and what the time is.
"""

import argparse
import enum
import re
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lunaredge.errors import NOT_GIVEN, ConfigError
from lunaredge.units import NS_PER_MS, NS_PER_S

Ints = npt.NDArray[np.int64]

HOUR_NS = 3_600 * NS_PER_S
DAY_NS = 24 * HOUR_NS
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# What an archive can tell of fits 62 bits.
_NS_MAX = 2**62
_DURATION = re.compile(r"(\d{1,12}(?:\.\d{1,9})?)(ns|us|ms|s|m|h|d|w)")
_UNITS_NS = {
    "ns": 1,
    "us": 1_000,
    "ms": NS_PER_MS,
    "s": NS_PER_S,
    "m": 60 * NS_PER_S,
    "h": HOUR_NS,
    "d": DAY_NS,
    "w": 7 * DAY_NS,
}
_SHOWN_MAX = 40
REMEDY = (
    "give a time as 2026-11-23T22:57 (UTC where no zone is given), -2h for two hours before the "
    "end, start, or now"
)
EPILOG = (
    "TIME is ISO 8601 (2026-11-23T22:57, UTC where no zone is given), a time before the end such "
    "as -90s, -30m, -2h or -7d, `start` for the oldest that is there, or `now`. Left out: the last "
    "hour of what is there."
)


class Anchored(enum.Enum):
    """What a time counts from."""

    EPOCH = "epoch"
    END = "end"
    START = "start"
    NOW = "now"


class Moment(NamedTuple):
    """A time as somebody gave it."""

    anchored: Anchored
    offset_ns: int = 0


def moment(text: str) -> Moment:
    """Read a time.

    Raises:
        ArgumentTypeError: it is none; says what may stand there.
    """
    if text in (Anchored.START.value, Anchored.NOW.value):
        return Moment(Anchored(text))
    if text.startswith("-"):
        return Moment(Anchored.END, -_duration_ns(text[1:], text, REMEDY))
    try:
        at = datetime.fromisoformat(text)
    except ValueError as exc:
        raise argparse.ArgumentTypeError(_wrong("time", text, REMEDY)) from exc
    zoned = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    at_ns = (zoned - _EPOCH) // timedelta(microseconds=1) * 1_000
    if not 0 <= at_ns < _NS_MAX:
        remedy = "give one from 1970 to 2116"
        raise argparse.ArgumentTypeError(_wrong("time that an archive knows", text, remedy))
    return Moment(Anchored.EPOCH, at_ns)


def step_ns(text: str) -> int:
    """Read the length of a bucket.

    Raises:
        ArgumentTypeError: it is none.
    """
    return _duration_ns(text, text, "give a number and its unit: 500ms, 10s, 1m, 1h, 1d")


def add_span(parser: argparse.ArgumentParser) -> None:
    """Add the options that say of which time."""
    parser.add_argument("--from", dest="start", type=moment, metavar="TIME", help="from when on")
    parser.add_argument("--to", dest="end", type=moment, metavar="TIME", help="until before when")


def span_of(options: argparse.Namespace, known_ns: tuple[int, int], now_ns: int) -> tuple[int, int]:
    """Give the time that was asked for, from one until before another.

    Args:
        options: With what `add_span` added.
        known_ns: First and last that is there, site time.
        now_ns: Site time.

    Raises:
        ConfigError: it ends before it begins.
    """
    known_end_ns = known_ns[1] + 1
    end_ns = known_end_ns
    if options.end is not None:
        end_ns = _at(options.end, known_ns, known_end_ns, now_ns)
    start_ns = max(known_ns[0], end_ns - HOUR_NS)
    if options.start is not None:
        start_ns = max(0, _at(options.start, known_ns, end_ns, now_ns))
    if start_ns >= end_ns:
        has_both = options.start is not None
        raise ConfigError(
            f"the time begins at {iso(start_ns)} and ends at {iso(end_ns)}",
            place=f"lunaredge {options.command}",
            key="--from" if has_both else "--to",
            value=NOT_GIVEN,
            remedy=f"what is there is from {iso(known_ns[0])} to {iso(known_ns[1])}",
        )
    return start_ns, end_ns


def iso(at_ns: int) -> str:
    """Give a time as people and scripts read it: UTC, to the millisecond where it is not whole."""
    whole_s, rest_ns = divmod(at_ns, NS_PER_S)
    told = (_EPOCH + timedelta(seconds=whole_s)).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{told}.{rest_ns // NS_PER_MS:03d}Z" if rest_ns else f"{told}Z"


def isos(times_ns: Ints) -> list[str]:
    """Give many times, to the nanosecond, all of one length."""
    told: list[str] = np.datetime_as_string(times_ns.astype("datetime64[ns]")).tolist()
    return [f"{each}Z" for each in told]


def length(duration_ns: int) -> str:
    """Give a length of time in its two greatest units."""
    parts = []
    for unit in ("d", "h", "m", "s"):
        count, duration_ns = divmod(duration_ns, _UNITS_NS[unit])
        if count:
            parts.append(f"{count}{unit}")
    if not parts:
        return f"{duration_ns / NS_PER_MS:g}ms"
    return "".join(parts[:2])


def _at(given: Moment, known_ns: tuple[int, int], end_ns: int, now_ns: int) -> int:
    match given.anchored:
        case Anchored.EPOCH:
            return given.offset_ns
        case Anchored.END:
            return end_ns + given.offset_ns
        case Anchored.START:
            return known_ns[0]
        case Anchored.NOW:
            return now_ns


def _duration_ns(text: str, whole: str, remedy: str) -> int:
    found = _DURATION.fullmatch(text)
    duration_ns = round(float(found[1]) * _UNITS_NS[found[2]]) if found else 0
    if not 0 < duration_ns < _NS_MAX:
        raise argparse.ArgumentTypeError(_wrong("length of time", whole, remedy))
    return duration_ns


def _wrong(what: str, text: str, remedy: str) -> str:
    return f"no {what}: {text[:_SHOWN_MAX]!r}; {remedy}"
