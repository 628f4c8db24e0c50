"""Names on a map, none over another: what finds no room is left out.

Greedy, in the order given, each name at the first of its places that is free.
"""

from collections.abc import Sequence

import msgspec
from matplotlib.axes import Axes

# Width of a letter and height of a line, as shares of the font's size.
_LETTER_RATIO, _LINE_RATIO = 0.6, 1.3
_PAD_POINTS = 1.5
_POINTS_PER_INCH = 72.0

Box = tuple[float, float, float, float]


class Label(msgspec.Struct, frozen=True, kw_only=True):
    """A name, and where it may stand."""

    text: str
    places: tuple[tuple[float, float], ...]
    """Middles of the text in the map's metres, the best first."""
    offsets: tuple[tuple[float, float], ...] = ((0.0, 0.0),)
    """How far from such a place, in text widths and heights, the best first."""
    size: float = 6.5
    colour: str = "0.1"


def put_labels(axes: Axes, labels: Sequence[Label], dots_per_inch: float) -> None:
    """Write what finds room. The axes have their limits and place already."""
    taken: list[Box] = []
    dots_per_point = dots_per_inch / _POINTS_PER_INCH
    frame = axes.bbox
    for label in labels:
        lines = label.text.split("\n")
        width = label.size * _LETTER_RATIO * max(map(len, lines)) * dots_per_point
        height = label.size * _LINE_RATIO * len(lines) * dots_per_point
        for x, y in _middles(axes, label, width, height):
            pad = _PAD_POINTS * dots_per_point
            box = (
                x - width / 2 - pad,
                y - height / 2 - pad,
                x + width / 2 + pad,
                y + height / 2 + pad,
            )
            inside = box[0] >= frame.x0 and box[1] >= frame.y0
            inside = inside and box[2] <= frame.x1 and box[3] <= frame.y1
            if inside and not any(_overlap(box, other) for other in taken):
                taken.append(box)
                _write(axes, label, x, y)
                break


def _middles(axes: Axes, label: Label, width: float, height: float) -> list[tuple[float, float]]:
    """Give where the text's middle may be, in dots."""
    dots = [axes.transData.transform(place) for place in label.places]
    return [
        (float(x + along * width), float(y + up * height))
        for x, y in dots
        for along, up in label.offsets
    ]


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _write(axes: Axes, label: Label, x: float, y: float) -> None:
    x_m, y_m = axes.transData.inverted().transform((x, y))
    axes.text(
        x_m,
        y_m,
        label.text,
        fontsize=label.size,
        color=label.colour,
        ha="center",
        va="center",
        zorder=11,
        bbox={"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 0.6},
    )
