"""What every format of an export is: a function that is told whom to tell how far it is."""

from collections.abc import Callable
from pathlib import Path

from lunaredge.cli.telemetry.selection import Selection

Tell = Callable[[int, str], None]
"""Told how many samples are written by now, and of which node the last ones are."""
Write = Callable[[Selection, Path, Tell], int]
"""Writes a file; gives how many samples are in it."""
