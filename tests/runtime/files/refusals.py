"""How a loader refuses a file: what the tests of hostile files ask of it."""

from collections.abc import Callable
from pathlib import Path

from lunaredge.errors import ConfigError

MESSAGE_LETTERS_MAX = 2000


def refusal(load: Callable[[Path], object], path: Path) -> ConfigError | None:
    """Load; give how it was refused, or None. Any other error goes through: it is a fault."""
    try:
        load(path)
    except ConfigError as error:
        return error
    return None


def is_fair(refused: ConfigError | None) -> bool:
    """Tell whether a file was read, or refused in one short line that people can print."""
    return refused is None or (
        str(refused).isprintable() and len(str(refused)) < MESSAGE_LETTERS_MAX
    )
