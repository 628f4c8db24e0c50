"""A channel's samples or buckets as text: JSON, CSV, or rows for people; all of it streamed."""

import csv
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, TextIO

from lunaredge.cli.telemetry.series import (
    Asked,
    before,
    buckets,
    pieces,
    still_stands,
    timed_gaps,
)
from lunaredge.cli.telemetry.times import iso, isos
from lunaredge.printable import printable
from lunaredge.runtime.archive.gaps import Gap

Row = Sequence[object]


class Told(NamedTuple):
    """Rows under headings; a value that is not there is None."""

    name: str
    """What a row is."""
    headings: tuple[str, ...]
    rows: Iterator[Row]


SAMPLE_HEADINGS = ("time", "time_ns", "value", "late")
BUCKET_HEADINGS = ("time", "time_ns", "count", "min", "max", "last")


def told(asked: Asked, step_ns: int | None) -> Told:
    """Give what was asked for, row by row."""
    if step_ns is None:
        return Told("samples", SAMPLE_HEADINGS, sample_rows(asked))
    return Told("buckets", BUCKET_HEADINGS, bucket_rows(asked, step_ns))


def sample_rows(asked: Asked) -> Iterator[Row]:
    """Give all samples."""
    for found in pieces(asked):
        columns = (
            isos(found.times_ns),
            found.times_ns.tolist(),
            _numbers(found.values.tolist()),
            found.late.tolist(),
        )
        yield from zip(*columns, strict=True)


def bucket_rows(asked: Asked, step_ns: int) -> Iterator[Row]:
    """Give all buckets that have a sample."""
    for found in buckets(asked, step_ns):
        columns = (
            isos(found.starts_ns),
            found.starts_ns.tolist(),
            found.counts.tolist(),
            *(_numbers(each.tolist()) for each in (found.mins, found.maxs, found.lasts)),
        )
        yield from zip(*columns, strict=True)


def write_json(asked: Asked, step_ns: int | None, stream: TextIO) -> None:
    """Write one document; its rows one to a line."""
    stood = before(asked)
    document: dict[str, object] = {
        "node": asked.node,
        "channel": asked.channel,
        "unit": asked.unit,
        "from": iso(asked.span_ns[0]),
        "from_ns": asked.span_ns[0],
        "to": iso(asked.span_ns[1]),
        "to_ns": asked.span_ns[1],
        "before": stood
        and {
            "time_ns": stood[0],
            "value": _numbers([stood[1]])[0],
            "stands": still_stands(asked, stood[0]),
        },
        "gaps": [_gap(gap) for gap in timed_gaps(asked, asked.span_ns)],
    }
    if step_ns is not None:
        document["step_ns"] = step_ns
    whole = told(asked, step_ns)
    lines = json.dumps(document, indent=2).removesuffix("\n}")
    stream.write(f'{lines},\n  "{whole.name}": [')
    separator = "\n    "
    for row in whole.rows:
        stream.write(separator + json.dumps(dict(zip(whole.headings, row, strict=True))))
        separator = ",\n    "
    stream.write("\n  ]\n}\n")


def write_csv(asked: Asked, step_ns: int | None, stream: TextIO) -> int:
    """Write lines under a heading; what is no value is empty. Give how many rows there were."""
    whole = told(asked, step_ns)
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(whole.headings)
    count = 0
    for count, row in enumerate(whole.rows, 1):  # noqa: B007  # the last is how many there were
        # Else Python's own word for it.
        late = (str(row[3]).lower(),) if step_ns is None else row[3:]
        writer.writerow((*row[:3], *late))
    return count


def write_rows(asked: Asked, step_ns: int | None, stream: TextIO) -> int:
    """Write all rows as people read them; give how many there were."""
    whole = told(asked, step_ns)
    line_count = 0
    for line in lines_of(whole.rows, printable(asked.unit), step_ns):
        stream.write(f"{line}\n")
        line_count += 1
    return line_count - 1


def nothing_text(asked: Asked) -> str:
    """Say that there are no samples, and whether a value of before stands all the same."""
    span = f"from {iso(asked.span_ns[0])} to {iso(asked.span_ns[1])}"
    text = f"no samples of {asked.channel} of {asked.node} {span}"
    stood = before(asked)
    if stood is None or asked.span_ns[0] > asked.known_ns[1]:
        known = f"{iso(asked.known_ns[0])} to {iso(asked.known_ns[1])}"
        return f"{text}; what is there is from {known}"
    if not still_stands(asked, stood[0]):
        return f"{text}; nor does the value before it stand, behind a gap"
    return f"{text}; the last one before it, {_shown(_numbers([stood[1]])[0])}, stands"


def lines_of(rows: Iterable[Row], unit: str, step_ns: int | None) -> Iterator[str]:
    """Give rows as people read them, to the millisecond; streamed, so of fixed widths."""
    if step_ns is None:
        yield f"{'TIME':<24}  {'VALUE, ' + unit:>16}"
    else:
        yield f"{'TIME':<24}  {'COUNT':>8}  {'MIN, ' + unit:>12}  {'MAX':>12}  {'LAST':>12}"
    for time, _, *values in rows:
        if step_ns is None:
            value, late = values
            yield f"{_to_ms(time)}  {_shown(value):>16}{'  late' if late else ''}".rstrip()
        else:
            count, *rest = values
            yield f"{_to_ms(time)}  {count:>8}" + "".join(
                f"  {_shown(value):>12}" for value in rest
            )


def _gap(gap: Gap) -> dict[str, object]:
    return {
        "kind": gap.kind,
        "start_ns": gap.start_ns,
        "end_ns": gap.end_ns,
        "reason": gap.reason or None,
    }


def _to_ms(time: object) -> str:
    # Whoever counts nanoseconds has them in JSON and CSV; a screen is 80 columns wide.
    return f"{str(time)[:23]}Z"


def _shown(value: object) -> str:
    return "no value" if value is None else f"{value:.9g}"


def _numbers(values: list[float]) -> list[float | None]:
    """Give numbers, with None for those that JSON knows not."""
    return [value if math.isfinite(value) else None for value in values]
