"""What of a node's telemetry is not there, where, and why.

Pure. Told from the numbers that are there and the time of which they speak; a number tells no time,
so what never came is placed between what came before it and what came after.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from lunaredge.node import KeepKind
from lunaredge.runtime.archive.catalog import Expired, Problem
from lunaredge.runtime.archive.coverage import Stream, Stretch
from lunaredge.wire.messages import RecordClass

Summary = Mapping[str, tuple[float, float, float, int]]
"""By channel: minimum, maximum, last and count."""

DAMAGED, EXPIRED, NO_DATA, OUTSTANDING = "damaged", "expired", "no_data", "outstanding"


class Gap(NamedTuple):
    """A stretch of time, or of numbers, of which samples are not there."""

    node: str
    start_ns: int
    """To ``end_ns``, site time; both 0 where nothing tells."""
    end_ns: int
    kind: str
    """dropped, missing, quarantined, outstanding (asked for), no_data, expired or damaged."""
    boot: int = 0
    """Whose numbers it is about; 0 where it is about time alone."""
    first_seq: int = 0
    last_seq: int = 0
    samples: int = 0
    """As far as somebody counted them."""
    summary: Summary | None = None
    """What its sender left of what it dropped."""
    reason: str = ""


def stream_gaps(stream: Stream, stretches: Sequence[Stretch]) -> Iterator[Gap]:
    """Give what of a stream's numbers is no samples, and its holes; rising by number."""
    next_seq, before_ns = 1, 0
    for at, stretch in enumerate(stretches):
        if stretch.first_seq > next_seq:
            after_ns = _start_of(stretches[at:])
            span_ns = _between(before_ns, after_ns)
            last = stretch.first_seq - 1
            yield Gap(stream.node, *span_ns, OUTSTANDING, stream.boot, next_seq, last)
        next_seq = stretch.last_seq + 1
        if stretch.kind is not KeepKind.SAMPLES:
            span_ns = (stretch.start_ns, stretch.end_ns)
            if not stretch.end_ns:
                span_ns = _between(before_ns, _start_of(stretches[at + 1 :]))
            yield Gap(
                node=stream.node,
                start_ns=span_ns[0],
                end_ns=span_ns[1],
                kind=stretch.kind.value,
                boot=stream.boot,
                first_seq=stretch.first_seq,
                last_seq=stretch.last_seq,
                samples=stretch.samples,
                reason=stretch.reason,
            )
        before_ns = stretch.end_ns or before_ns


def silent_gaps(node: str, streams: Mapping[Stream, Sequence[Stretch]], touch_ns: int) -> list[Gap]:
    """Give the time between a node's first and last word of which no upload of samples speaks."""
    spans = sorted(
        (stretch.start_ns, stretch.end_ns)
        for stream, stretches in streams.items()
        if stream.record_class is RecordClass.RAW
        for stretch in stretches
        if stretch.end_ns
    )
    found = []
    reach_ns = spans[0][1] if spans else 0
    for start_ns, end_ns in spans:
        if start_ns > reach_ns + touch_ns:
            found.append(Gap(node, reach_ns, start_ns, NO_DATA))
        reach_ns = max(reach_ns, end_ns)
    return found


def lost_gaps(
    node: str, span_ns: tuple[int, int], expired: Sequence[Expired], problems: Sequence[Problem]
) -> list[Gap]:
    """Give what of a node's time is gone by policy or by damage."""
    found = []
    for each in expired:
        start_ns, end_ns = max(each.start_ns, span_ns[0]), min(each.end_ns, span_ns[1])
        if start_ns < end_ns:
            found.append(Gap(node, start_ns, end_ns, EXPIRED, reason=each.reason))
    for problem in problems:
        start_ns, end_ns = max(problem.start_ns, span_ns[0]), min(problem.end_ns, span_ns[1])
        if problem.end_ns and start_ns < end_ns:
            reason = f"{problem.place}: {problem.what}"
            found.append(Gap(node, start_ns, end_ns, DAMAGED, reason=reason))
    return found


def known_span(streams: Mapping[Stream, Sequence[Stretch]]) -> tuple[int, int]:
    """Give a node's first and last word; both 0 where no time is known."""
    timed = [each for stretches in streams.values() for each in stretches if each.end_ns]
    if not timed:
        return 0, 0
    return min(each.start_ns for each in timed), max(each.end_ns for each in timed)


def _start_of(stretches: Sequence[Stretch]) -> int:
    return next((each.start_ns for each in stretches if each.end_ns), 0)


def _between(before_ns: int, after_ns: int) -> tuple[int, int]:
    """Give the time between two of which one may not be known."""
    low_ns, high_ns = before_ns or after_ns, after_ns or before_ns
    return min(low_ns, high_ns), max(low_ns, high_ns)
