"""Quarantine: an input that makes the core fail changes nothing and is reported.

An assertion that fails half-way through an input leaves the state half-changed. Then the state is
rebuilt from a snapshot and the inputs since, which the core's purity allows, and the input is
replaced by a report of itself. The report is journaled, so that a replay meets it, never the
input: neither a repetition of it nor a restart can loop. A start, a connection and a tick are
nobody's input and can't be left out: to lead without a census would be worse than not to lead. A
core that fails in one of these ends its process.
"""

import traceback

from lunaredge.scheduler.core import SchedulerCore
from lunaredge.scheduler.inputs import Input, Intent, Listening, Quarantined, Started, Ticked
from lunaredge.scheduler.state import SchedulerState

# A rebuild replays at most this many inputs (a tenth of a second); a snapshot costs one
# millisecond of each.
SNAPSHOT_INPUTS = 256
ERROR_CHARACTERS_MAX = 200


class GuardedCore:
    """Applies inputs to a core, and undoes one that fails."""

    def __init__(self, core: SchedulerCore) -> None:
        self._core = core
        self._since: list[tuple[Input, int]] = []
        self._snapshot = b""
        self._marked_ns = 0
        self.mark()

    def mark(self) -> None:
        """Take the state as it is now for the one to go back to."""
        self._snapshot = self._core.state.encoded()
        self._marked_ns = self._core.ctx.now_ns
        self._since.clear()

    def apply(self, taken: Input, now_ns: int) -> tuple[Input, list[Intent]]:
        """Apply an input; give what was applied, itself or its report, and what that leads to."""
        try:
            intents = self._core.apply(taken, now_ns)
        except Exception as exc:
            if isinstance(taken, Started | Listening | Ticked):
                raise
            self._undo()
            where = traceback.extract_tb(exc.__traceback__)[-1]
            place = f"{where.name}, line {where.lineno}"
            error = f"{type(exc).__name__} in {place}: {exc}"[:ERROR_CHARACTERS_MAX]
            taken = Quarantined(kind=type(taken).__name__, error=error)
            intents = self._core.apply(taken, now_ns)
        self._since.append((taken, now_ns))
        if len(self._since) >= SNAPSHOT_INPUTS:
            self.mark()
        return taken, intents

    def _undo(self) -> None:
        self._core.load(SchedulerState.decoded(self._snapshot))
        # The core's time never goes back by itself, and what is done again was done earlier.
        self._core.ctx.now_ns = self._marked_ns
        for taken, now_ns in self._since:
            self._core.apply(taken, now_ns)
