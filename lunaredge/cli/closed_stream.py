"""Standard streams that whoever started the command has closed; Python has None for them.

Owns what stands in their place. What cannot be written is an error of the output, as a full disk
is; what is only told beside it is lost.
"""

import contextlib
import errno
import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path

# As much as a file holds back before it is written: an answer without end ends here.
_HELD_MAX = 8_192


class StreamClosedError(OSError):
    """Something was written to standard output, and there is none."""

    def __init__(self) -> None:
        super().__init__(errno.EBADF, "standard output is closed")


class ClosedStream(io.TextIOBase):
    """A standard output that is closed: takes words as a file does, and fails when it is flushed.

    Not before: what a command does must not hang on whether its answer can be shown.
    """

    def __init__(self) -> None:
        super().__init__()
        self._held_count = 0

    def writable(self) -> bool:
        """Say that it can be written to."""
        return True

    def write(self, text: str, /) -> int:
        """Take words.

        Raises:
            StreamClosedError: there are more than a file would hold back.
        """
        self._held_count += len(text)
        if self._held_count > _HELD_MAX:
            raise StreamClosedError
        return len(text)

    def flush(self) -> None:
        """Do nothing where nothing was said.

        Raises:
            StreamClosedError: something was.
        """
        if self._held_count:
            raise StreamClosedError

    def close(self) -> None:
        """Leave it, and what it held, without a word."""
        self._held_count = 0
        super().close()


@contextlib.contextmanager
def streams_there() -> Iterator[None]:
    """Put something in the place of standard streams that are closed."""
    with contextlib.ExitStack() as stack:
        if sys.stderr is None:
            nowhere = stack.enter_context(Path(os.devnull).open("w", encoding="utf-8"))
            stack.enter_context(contextlib.redirect_stderr(nowhere))
        if sys.stdout is None:
            closed = stack.enter_context(contextlib.closing(ClosedStream()))
            stack.enter_context(contextlib.redirect_stdout(closed))
        yield
