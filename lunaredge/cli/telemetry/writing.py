"""What every format of an export is given: whom to tell how far it is."""

from collections.abc import Callable

Tell = Callable[[int, str], None]
"""Told how many samples are written by now, and of which node the last ones are."""
