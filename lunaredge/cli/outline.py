"""Outlines on the command line: corners of an area as pairs of metres."""

import argparse
import math

from lunaredge.errors import ConfigError
from lunaredge.model.site import COORDINATE_M_MAX, CORNERS_MAX, Polygon

CORNERS_MIN = 3
_SHOWN_MAX = 12


def metres(text: str) -> float:
    """Give a length or a coordinate from its text.

    Raises:
        ArgumentTypeError: it is none, or larger than the Moon.
    """
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not abs(value) <= COORDINATE_M_MAX:
        reach = f"{-COORDINATE_M_MAX:g} to {COORDINATE_M_MAX:g}"
        raise argparse.ArgumentTypeError(f"no number of metres: {text!r}; give one from {reach}")
    return value


def outline_of(numbers: list[float] | None, place: str) -> Polygon:
    """Give the corners that were typed; none where nothing was.

    Raises:
        ConfigError: half a pair, or too few corners, or too many.
    """
    if not numbers:
        return ()
    if len(numbers) % 2 or not CORNERS_MIN <= len(numbers) // 2 <= CORNERS_MAX:
        shown = " ".join(f"{number:g}" for number in numbers[:_SHOWN_MAX])
        more = f" ... ({len(numbers)} numbers)" if len(numbers) > _SHOWN_MAX else ""
        raise ConfigError(
            "no outline",
            place=place,
            key="--area",
            value=f"{shown}{more}",
            remedy=f"give x and y of {CORNERS_MIN} to {CORNERS_MAX} corners",
        )
    return tuple(zip(numbers[::2], numbers[1::2], strict=True))
