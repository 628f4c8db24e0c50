"""The word on stderr while seeds are run: a bar on a terminal, a line now and then elsewhere."""

import sys
import time

from lunaredge.cli.doctor.kernels import say_progress

BAR_WIDTH = 24
COLUMNS = 79
# A file of what was said stays short: each line comes after twice the time, a minute at most.
_FIRST_S, _GROWTH, _GAP_S_MAX = 1.0, 2.0, 60.0


class Talk:
    """Shows how far it is, and lines that stay."""

    def __init__(self, total: int | None, seconds: float | None = None) -> None:
        self._total = total
        self._seconds = seconds or 0.0
        self._fresh = 0
        self._on_terminal = sys.stderr.isatty()
        self._start_s = time.monotonic()
        self._gap_s = _FIRST_S
        self._next_s = self._start_s + _FIRST_S
        self._is_shown = False

    def line(self, text: str) -> None:
        """Print lines that stay."""
        self.clear()
        print(text, file=sys.stderr, flush=True)

    def progress(self, done: int, failed: int, *, is_fresh: bool = True) -> None:
        """Show how many seeds are done, how many of them failed, and how long it will take.

        What was run before this began takes no time now.
        """
        self._fresh += is_fresh
        gone_s = time.monotonic() - self._start_s
        if self._total is None:
            ratio, of = min(1.0, gone_s / max(self._seconds, gone_s)), ""
            left = clock(max(0.0, self._seconds - gone_s))
        else:
            ratio, of = done / self._total, f" of {self._total}"
            left = clock(gone_s / self._fresh * (self._total - done)) if self._fresh else "?"
        seeds = noun("seed", self._total or done)
        text = f"{done}{of} {seeds}, {failed} failed, {left} left"
        self.say(f"{bar(ratio)} {text}" if self._on_terminal else text)

    def say(self, text: str) -> None:
        """Show a text until the next one comes."""
        now_s = time.monotonic()
        if self._on_terminal:
            self._is_shown = True
            say_progress(text[:COLUMNS].ljust(COLUMNS))
        elif now_s >= self._next_s:
            self._gap_s = min(_GAP_S_MAX, self._gap_s * _GROWTH)
            self._next_s = now_s + self._gap_s
            say_progress(text)

    def clear(self) -> None:
        """Take away what is shown for a while."""
        if self._is_shown:
            self._is_shown = False
            print(f"\r{'':{COLUMNS}}\r", end="", file=sys.stderr, flush=True)


def bar(ratio: float) -> str:
    """Give a bar in plain ASCII."""
    full = round(BAR_WIDTH * ratio)
    return f"[{'#' * full}{'.' * (BAR_WIDTH - full)}]"


def noun(name: str, count: float) -> str:
    """Give a noun as it goes with a count."""
    return name if count == 1 else f"{name}s"


def clock(seconds: float) -> str:
    """Give a time as people read it: h:mm:ss, or m:ss."""
    minutes, rest_s = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest_s:02}" if hours else f"{minutes}:{rest_s:02}"
