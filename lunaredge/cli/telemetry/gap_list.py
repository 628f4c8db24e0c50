"""`lunaredge gaps [NODE]`: what of the telemetry is not there and why, and how complete it is."""

import argparse
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from lunaredge.cli import site_access
from lunaredge.cli.table import Column, Row, render, width_of_stdout
from lunaredge.cli.telemetry.folder import (
    Archive,
    add_archive,
    known_node,
    known_span,
    open_archive,
)
from lunaredge.cli.telemetry.times import EPILOG, add_span, iso, length, span_of
from lunaredge.errors import QueryError
from lunaredge.node import KeepKind
from lunaredge.runtime.archive.gaps import NO_DATA, Gap
from lunaredge.runtime.archive.read import ArchiveReader
from lunaredge.units import NS_PER_S
from lunaredge.wire.messages import RecordClass

COLUMNS = (
    Column("node", "NODE", is_name=True),
    Column("from", "FROM"),
    Column("length", "LENGTH"),
    Column("kind", "KIND"),
    Column("numbers", "UPLOADS", spare=3),
    Column("samples", "SAMPLES", spare=2),
    Column("why", "WHY", is_free=True, wraps=True),
)
COMPLETENESS = (
    Column("node", "NODE", is_name=True),
    Column("there", "THERE"),
    Column("from", "OF THE TIME FROM"),
    Column("to", "TO"),
    Column("gaps", "GAPS", spare=1),
)
# A summary names so many channels in a table; JSON has all.
_CHANNELS_SHOWN = 3
_SHOWN_MAX = 200
# A batch a minute, its repetition and a busy link: what is younger may be under way.
SILENT_NS = 180 * NS_PER_S
Span = tuple[int, int]


class Completeness(NamedTuple):
    """How much of a node's time is there."""

    node: str
    span_ns: Span | None
    """What of the time asked for lies between the node's first and last word; None for none."""
    covered_ns: int
    gap_count: int

    @property
    def ratio(self) -> float:
        """Share of that time, 0 to 1."""
        if self.span_ns is None:
            return 0.0
        return self.covered_ns / max(1, self.span_ns[1] - self.span_ns[0])


def add_arguments(parser: argparse.ArgumentParser, command: str) -> None:
    """Add the options."""
    parser.add_argument("node", nargs="?", metavar="NODE", help="this node alone")
    add_archive(parser)
    add_span(parser)
    parser.add_argument(
        "--verify", action="store_true", help="read every sample, to find what is damaged; slow"
    )
    site_access.add_json(parser)
    parser.epilog = (
        f"{EPILOG} Exit code 0 where nothing is missing, 1 where something is: also what was asked "
        "for again and is still under way (outstanding)."
    )


def run(options: argparse.Namespace) -> int:
    """List what is not there."""
    with open_archive(options) as archive:
        known_ns = _known(archive.reader, options.node)
        span_ns = _span(archive, known_ns, options)
        found = archive.reader.gaps(options.node, *span_ns, verify=options.verify)
        if options.end is not None:
            found += _since(known_ns, span_ns)
        had = _had(archive.reader, options.node)
        in_log = [f"{each.place}: {each.what}" for each in archive.reader.log_problems()]
        told = [
            _completeness(node, each, span_ns, had.get(node, []), found)
            for node, each in known_ns.items()
        ]
    if options.json:
        _print_json(span_ns, found, told, in_log)
    else:
        _print(span_ns, found, told)
        for each in in_log:
            print(f"damaged in the log, of nobody knows whose time: {each}")
    return 1 if found or any(each.span_ns is None for each in told) else 0


def summary_text(gap: Gap) -> str:
    """Give why samples are not there, and what is left of them, in a line."""
    parts = [gap.reason] if gap.reason else []
    if gap.summary:
        shown = [
            f"{name} {low:g}..{high:g} last {last:g}"
            for name, (low, high, last, _) in sorted(gap.summary.items())[:_CHANNELS_SHOWN]
        ]
        more = len(gap.summary) - len(shown)
        parts.append("; ".join(shown) + (f" and {more} channels more" if more else ""))
    return "; ".join(parts)


def _nodes(reader: ArchiveReader, node: str | None) -> list[str]:
    nodes = reader.nodes() if node is None else [known_node(reader, node)]
    if not nodes:
        raise QueryError(f"{reader.folder} has nothing of any node yet; has a node sent telemetry?")
    return nodes


def _known(reader: ArchiveReader, node: str | None) -> dict[str, Span]:
    """Give of which time each node's channels speak; both 0 of one that has none."""
    return {name: known_span(reader.channels(name)) or (0, 0) for name in _nodes(reader, node)}


def _span(archive: Archive, known_ns: Mapping[str, Span], options: argparse.Namespace) -> Span:
    spoken = [span_ns for span_ns in known_ns.values() if span_ns != (0, 0)]
    low_ns = min((low for low, _ in spoken), default=0)
    high_ns = max((high for _, high in spoken), default=archive.now_ns)
    return span_of(options, (low_ns, high_ns), archive.now_ns)


def _since(known_ns: Mapping[str, Span], span_ns: Span) -> list[Gap]:
    """Give the time from each node's last word to the end that was asked for in so many words."""
    return [
        Gap(node, last_ns, span_ns[1], NO_DATA, reason="nothing since")
        for node, (_, last_ns) in known_ns.items()
        if span_ns[0] < last_ns < span_ns[1] - SILENT_NS
    ]


def _had(reader: ArchiveReader, node: str | None) -> dict[str, list[Span]]:
    """Give of which times each node's samples speak."""
    found: dict[str, list[Span]] = {}
    for stream, stretch in reader.coverage(node):
        if stretch.kind is KeepKind.SAMPLES and stream.record_class is RecordClass.RAW:
            found.setdefault(stream.node, []).append((stretch.start_ns, stretch.end_ns))
    return found


def _completeness(
    node: str, known_ns: Span, span_ns: Span, had: Iterable[Span], gaps: Iterable[Gap]
) -> Completeness:
    ours = [gap for gap in gaps if gap.node == node]
    # What is told to be missing after a node's last word belongs to its time.
    last_ns = max([known_ns[1], *(gap.end_ns for gap in ours)])
    low_ns, high_ns = max(span_ns[0], known_ns[0]), min(span_ns[1], last_ns)
    if low_ns >= high_ns or span_ns[0] >= known_ns[1]:
        return Completeness(node, None, 0, len(ours))
    lost = [(gap.start_ns, gap.end_ns) for gap in ours if gap.end_ns]
    covered_ns = _length_of(had, lost, (low_ns, high_ns))
    return Completeness(node, (low_ns, high_ns), covered_ns, len(ours))


def _length_of(had: Iterable[Span], lost: Iterable[Span], span_ns: Span) -> int:
    """Give how long something of the one and nothing of the other is there."""
    steps = [(at, 0, sign) for start, end in had for at, sign in ((start, 1), (end, -1))]
    steps += [(at, 1, sign) for start, end in lost for at, sign in ((start, 1), (end, -1))]
    depths, total_ns, before_ns = [0, 0], 0, span_ns[0]
    for at_ns, which, sign in sorted(steps):
        now_ns = min(max(at_ns, span_ns[0]), span_ns[1])
        if depths[0] > 0 and depths[1] == 0:
            total_ns += now_ns - before_ns
        depths[which] += sign
        before_ns = now_ns
    return total_ns


def _print(span_ns: Span, gaps: Sequence[Gap], told: Sequence[Completeness]) -> None:
    print(f"{iso(span_ns[0])} to {iso(span_ns[1])}, site time, UTC")
    width = width_of_stdout()
    shown = gaps if width is None else gaps[:_SHOWN_MAX]
    if gaps:
        print(render([_row(gap) for gap in shown], COLUMNS, width))
    else:
        print(_without_gaps(told))
    if len(shown) < len(gaps):
        print(f"and {len(gaps) - len(shown)} more; a pipe and --json get all")
    print(render([_completeness_row(each) for each in told], COMPLETENESS, width))


def _without_gaps(told: Sequence[Completeness]) -> str:
    """Say what it means that there is no gap: of whom nothing is known, nothing can be missing."""
    silent = [each.node for each in told if each.span_ns is None]
    if not silent:
        return "nothing is missing"
    unknown = f"nothing is known of {', '.join(silent)} in that time"
    return unknown if len(silent) == len(told) else f"{unknown}; of the others nothing is missing"


def _row(gap: Gap) -> Row:
    return {
        "node": gap.node,
        "from": iso(gap.start_ns) if gap.end_ns else None,
        "length": length(gap.end_ns - gap.start_ns) if gap.end_ns else None,
        "kind": gap.kind,
        "numbers": f"{gap.first_seq}-{gap.last_seq}" if gap.last_seq else None,
        "samples": gap.samples or None,
        "why": summary_text(gap),
    }


def _completeness_row(each: Completeness) -> Row:
    # Rounded down: what is not whole must not read as whole.
    percent = int(each.ratio * 10_000) / 100
    return {
        "node": each.node,
        "there": f"{percent:g} %" if each.span_ns else "nothing",
        "from": iso(each.span_ns[0]) if each.span_ns else None,
        "to": iso(each.span_ns[1]) if each.span_ns else None,
        "gaps": each.gap_count,
    }


def _print_json(
    span_ns: Span, gaps: Sequence[Gap], told: Sequence[Completeness], in_log: Sequence[str]
) -> None:
    document = {
        "from_ns": span_ns[0],
        "to_ns": span_ns[1],
        "gaps": [_as_json(gap) for gap in gaps],
        "nodes": [
            {
                "node": each.node,
                "from_ns": each.span_ns and each.span_ns[0],
                "to_ns": each.span_ns and each.span_ns[1],
                "covered_ratio": each.ratio,
                "gaps": each.gap_count,
            }
            for each in told
        ],
        "damaged_in_log": in_log,
    }
    json.dump(document, sys.stdout, indent=2)
    print()


def _as_json(gap: Gap) -> dict[str, object]:
    has_time = bool(gap.end_ns)
    summary = {
        name: {"min": low, "max": high, "last": last, "count": count}
        for name, (low, high, last, count) in (gap.summary or {}).items()
    }
    return {
        "node": gap.node,
        "kind": gap.kind,
        "from_ns": gap.start_ns if has_time else None,
        "to_ns": gap.end_ns if has_time else None,
        "from": iso(gap.start_ns) if has_time else None,
        "to": iso(gap.end_ns) if has_time else None,
        "boot": gap.boot or None,
        "first_seq": gap.first_seq or None,
        "last_seq": gap.last_seq or None,
        "samples": gap.samples,
        "reason": gap.reason or None,
        "summary": summary or None,
    }
