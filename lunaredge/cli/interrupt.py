"""Ctrl-C as a wish to end soon: work that looks at it now and then can still give what it has."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def heeding_interrupts() -> Iterator[Callable[[], bool]]:
    """Give what tells whether Ctrl-C was pressed; the second one ends the work at once.

    Outside the main thread, where no signal arrives, it never was.
    """
    pressed = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield pressed.is_set
        return

    def heed(*_: object) -> None:
        pressed.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = signal.signal(signal.SIGINT, heed)
    try:
        yield pressed.is_set
    finally:
        signal.signal(signal.SIGINT, before)
