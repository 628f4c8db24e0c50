"""Child processes of a site on one machine: start, watch, kill, start again, stop in order.

Knows nothing of what the children do. Each child's stderr goes to a log file of its own; a child
that ends without being asked to is kept as a failure with the end of its log.
"""

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from lunaredge.errors import TransportError

# A child has this long to end orderly: the longest is one commit and one drain of its link.
STOP_S_MAX = 8.0
LOG_TAIL_BYTES = 2_000
_PR_SET_PDEATHSIG = 1


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """A child that ended by itself."""

    name: str
    code: int
    log_tail: str


class Supervisor:
    """The children of one run; each has a name and an argument vector."""

    def __init__(self, log_folder: Path, environment: Mapping[str, str]) -> None:
        self.kills = 0
        self._log_folder = log_folder
        self._environment = dict(environment)
        self._commands: dict[str, tuple[str, ...]] = {}
        self._children: dict[str, asyncio.subprocess.Process] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """Every child ever started, in order of first start."""
        return tuple(self._commands)

    async def start(self, name: str, command: Sequence[str]) -> None:
        """Start a child.

        Raises:
            TransportError: the program can't be started.
        """
        assert name not in self._children, f"{name} is running"
        self._commands[name] = tuple(command)
        self._log_folder.mkdir(parents=True, exist_ok=True)
        with self.log_path(name).open("ab") as log:
            try:
                self._children[name] = await asyncio.create_subprocess_exec(
                    *command,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=self._environment,
                    preexec_fn=_dying_with_parent(),
                )
            except OSError as exc:
                raise TransportError(f"{name} can't be started: {exc}") from exc

    async def kill(self, name: str) -> None:
        """End a child as a power cut would: no signal it could handle."""
        child = self._children.pop(name)
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        await child.wait()
        self.kills += 1

    async def restart(self, name: str) -> None:
        """Start a child again as it was first started."""
        await self.start(name, self._commands[name])

    def is_running(self, name: str) -> bool:
        """Tell whether a child is alive."""
        child = self._children.get(name)
        return child is not None and child.returncode is None

    def pid(self, name: str) -> int | None:
        """Give the number of a child's process; None where it was not started, or was ended."""
        child = self._children.get(name)
        return None if child is None else child.pid

    def failures(self) -> list[Failure]:
        """Give the children that ended without being asked to."""
        return [
            Failure(name=name, code=child.returncode, log_tail=self._log_tail(name))
            for name, child in self._children.items()
            if child.returncode is not None
        ]

    async def stop(self, names: Sequence[str]) -> list[str]:
        """End children orderly, all at once; give those that had to be killed."""
        stopping = [(name, self._children.pop(name)) for name in names if name in self._children]
        for _, child in stopping:
            with contextlib.suppress(ProcessLookupError):
                child.send_signal(signal.SIGTERM)
        forced = []
        for name, child in stopping:
            try:
                await asyncio.wait_for(child.wait(), STOP_S_MAX)
            except TimeoutError:
                forced.append(name)
                child.kill()
                await child.wait()
        return forced

    def log_path(self, name: str) -> Path:
        """Give the file that holds a child's output."""
        return self._log_folder / f"{name}.log"

    def _log_tail(self, name: str) -> str:
        try:
            content = self.log_path(name).read_bytes()
        except OSError:
            return ""
        return content[-LOG_TAIL_BYTES:].decode("utf-8", "replace").strip()


def _dying_with_parent() -> Callable[[], None] | None:
    """Give what a child runs first, so that the kernel ends it when its parent dies."""
    if sys.platform != "linux":
        return None
    parent = os.getpid()
    prctl = ctypes.CDLL(None).prctl

    def ask_kernel() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            # The parent died before the question was asked.
            os._exit(1)

    return ask_kernel
