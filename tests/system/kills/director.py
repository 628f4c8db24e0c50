"""Kills the processes of a site at work, at moments of chance, and has each come back.

Nothing is asked of a process before it dies: SIGKILL, whatever it was writing or sending.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Callable

from lunaredge.cli.demo.record import Kill
from lunaredge.errors import LunarEdgeError, TransportError
from tests.system.site_run import Run

# By weight: those whose disks the promise is about, most often.
VICTIMS = {
    "broker": 4,
    "scheduler": 4,
    "archive": 4,
    "agent-excavator-1": 2,
    "agent-hauler-1": 2,
    "agent-scout-1": 2,
    "agent-dc-1": 1,
    "gateway": 2,
    "earth": 1,
    "earth-broker": 1,
}
# Wall time, s. A process needs some two seconds to come up: many die on their way.
BETWEEN_S = (0.3, 3.5)
DOWN_S = (0.0, 2.0)
# How often two die at one stroke.
DOUBLE_RATIO = 0.2


class Director:
    """One campaign's harm."""

    def __init__(self, run: Run, rng: random.Random, say: Callable[[str], None]) -> None:
        self.kills: list[Kill] = []
        self.killed: Counter[str] = Counter()
        self._run = run
        self._rng = rng
        self._say = say

    async def play(self, rounds: int) -> None:
        """Kill in that many rounds; all processes have been started again when this ends.

        Raises:
            TransportError: a process ended that nobody had killed.
        """
        coming: list[asyncio.Task[None]] = []
        for number in range(1, rounds + 1):
            await asyncio.sleep(self._rng.uniform(*BETWEEN_S))
            self.check()
            for name in self._victims():
                self._note(name)
                await self._run.supervisor.kill(name)
                coming.append(asyncio.create_task(self._revive(name)))
            if number % 10 == 0:
                self._say(f"round {number} of {rounds}: {self._told()}")
        await asyncio.gather(*coming)

    def check(self) -> None:
        """Raise TransportError where a process ended by itself."""
        for failure in self._run.supervisor.failures():
            raise TransportError(f"{failure.name} ended by itself: {failure.log_tail}")

    def _victims(self) -> list[str]:
        alive = [name for name in VICTIMS if self._run.supervisor.is_running(name)]
        weights = [VICTIMS[name] for name in alive]
        count = 2 if self._rng.random() < DOUBLE_RATIO else 1
        return sorted(set(self._rng.choices(alive, weights, k=count)))

    def _note(self, name: str) -> None:
        self.killed[name] += 1
        now_ns = self._run.site.client.identity.clock.now_ns()
        self.kills.append(Kill(name=name.removeprefix("agent-"), at_ns=now_ns))

    async def _revive(self, name: str) -> None:
        await asyncio.sleep(self._rng.uniform(*DOWN_S))
        try:
            await self._run.supervisor.restart(name)
        except LunarEdgeError as exc:
            self._say(f"{name} does not come back: {exc}")
            raise

    def _told(self) -> str:
        return ", ".join(f"{name} {count}" for name, count in sorted(self.killed.items()))
