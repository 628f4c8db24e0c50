"""How `lunaredge route` words its answers: lines that fit a terminal, figures with their units."""

import re
import textwrap

COLUMNS = 80
_FIGURE = re.compile(r"(?<=\d) (?=(?:mm|m|s|deg|Wh|m/s|deg/s)\b)")
_HELD = "\u00a0"
# Nearer than this, two decimals of a metre say little, or nothing at all.
_MILLIMETRES_BELOW_M = 0.0995


def indented(text: str) -> str:
    """Give a text as indented lines of a terminal's width, figures and their units on one line."""
    lines = textwrap.fill(
        _FIGURE.sub(_HELD, text), COLUMNS, initial_indent="  ", subsequent_indent="  "
    )
    return lines.replace(_HELD, " ")


def metres(length_m: float) -> str:
    """Give a length with its unit: small ones in millimetres, since a machine may pass so near."""
    if abs(length_m) < _MILLIMETRES_BELOW_M:
        return f"{1e3 * length_m:.2g} mm"
    return f"{length_m:.2f} m"


def degrees(angle_deg: float) -> str:
    """Give an angle with its unit, never a negative nought."""
    return f"{round(angle_deg)} deg"
