"""Outlines on the command line: corners of an area as pairs of metres."""

import math

from lunaredge.errors import ConfigError
from lunaredge.model.site import Polygon

CORNERS_MIN = 3


def metres(text: str) -> float:
    """Give a length or a coordinate from its text; argparse says what is wrong with it."""
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


def outline_of(numbers: list[float] | None, place: str) -> Polygon:
    """Give the corners that were typed; none where nothing was.

    Raises:
        ConfigError: half a pair, or too few corners.
    """
    if not numbers:
        return ()
    if len(numbers) % 2 or len(numbers) < 2 * CORNERS_MIN:
        raise ConfigError(
            "no outline",
            place=place,
            key="--area",
            value=" ".join(f"{number:g}" for number in numbers),
            remedy=f"give x and y of {CORNERS_MIN} corners or more",
        )
    return tuple(zip(numbers[::2], numbers[1::2], strict=True))
