"""A contest: ours and its peers, each in a process of its own, on the same inputs, turn by turn.

Answers are compared before anything is timed. Then everybody measures in rounds, in an order that
turns with each round, so that a slow minute of the machine is shared; the median of the rounds
counts. A peer that is missing, breaks or answers otherwise becomes a row that says so.
"""

import contextlib
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from typing import NamedTuple, Self

import msgspec

from lunaredge.cli.bench.row import BenchRow, row_against
from lunaredge.errors import LunarEdgeError

OURS = "ours"
# Between a case and its statistic.
STATISTIC = " @ "
ROUNDS = 5
# Tells a contender the folder of what is drawn once for all (`drawn`).
FOLDER_VARIABLE = "LUNAREDGE_BENCH_DRAWN"
# Shorter and the clock's own reading counts.
SLICE_S_MIN = 0.02
# Sums of the same numbers in another order differ by rounding.
_RATIO_ERROR_MAX = 1e-9
# One thread each, whatever a library would like.
_ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"
)


class Contest(msgspec.Struct, frozen=True, kw_only=True):
    """What is compared."""

    module: str
    """Its ``contender(name, *data)`` makes each contender."""
    cases: Mapping[str, str]
    """A case, and what bounds its figure."""
    metric: str
    unit: str
    peers: Mapping[str, str] = {}
    """A peer's name in the rows, and what ``contender`` calls it."""
    data: tuple[str, ...] = ()
    statistic: str = ""
    """What of its measurements a contender is to give, where there is a choice: p50_ms ..."""
    more_is_better: bool = False

    def asked(self, case: str) -> str:
        """Give a case as the contenders hear it."""
        return f"{case}{STATISTIC}{self.statistic}" if self.statistic else case


class ContenderFailed(LunarEdgeError):
    """A contender is missing or broke."""


class _Verdict(NamedTuple):
    """How one contender did in one case; without figures there is a reason."""

    figures: list[float]
    reason: str


class Process:
    """One contender's process. Use it as a context."""

    def __init__(self, name: str, contest: Contest, folder: str) -> None:
        self.name = name
        self.reason = ""
        """Why it is out of the contest; empty while it is in."""
        words = ("lunaredge.cli.bench.worker", contest.module, name, *contest.data)
        command = [sys.executable, "-m", *words]
        self._process = subprocess.Popen(
            command,
            env=os.environ | _ONE_THREAD | {FOLDER_VARIABLE: folder},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._started = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.kill()
        self._process.wait()

    def ask(self, task: str, case: str, duration_s: float = 0.0) -> object:
        """Give what the contender says; None once it is out, with the reason kept."""
        if self.reason:
            return None
        if not self._started:
            self._started = True
            if "ready" not in self._listen():
                return None
        assert self._process.stdin is not None
        try:
            print(json.dumps([task, case, duration_s]), file=self._process.stdin, flush=True)
        except BrokenPipeError:
            self.reason = "its process ended"
            return None
        return self._listen().get("value")

    def _listen(self) -> dict[str, object]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        said: dict[str, object] = json.loads(line) if line else {"broken": "its process ended"}
        self.reason = str(said.get("missing") or said.get("broken") or "")
        return said


class Processes:
    """The contenders' processes, kept from one contest to the next. Use it as a context.

    So each starts once, and makes each scene once; who waits for his turn takes no time.
    """

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()
        self._folder = self._stack.enter_context(tempfile.TemporaryDirectory())
        self._kept: dict[tuple[str, str, tuple[str, ...]], Process] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def of(self, name: str, contest: Contest) -> Process:
        """Give the process of a contender; a new one where it broke in another contest."""
        key = (name, contest.module, contest.data)
        if key not in self._kept or self._kept[key].reason:
            process = Process(name, contest, self._folder)
            self._kept[key] = self._stack.enter_context(process)
        return self._kept[key]


def hold(contest: Contest, seconds: float, processes: Processes | None = None) -> list[BenchRow]:
    """Run a contest for about so long; give a row for each case and peer.

    Without ``processes`` the contenders' own end with it.

    Raises:
        ContenderFailed: ours is missing a library, or broke.
    """
    if processes is None:
        with Processes() as own:
            return hold(contest, seconds, own)
    sides = [processes.of(name, contest) for name in (OURS, *contest.peers.values())]
    duration_s = max(SLICE_S_MIN, seconds / (len(contest.cases) * ROUNDS * len(sides)))
    return [
        row
        for case in contest.cases
        for row in _rows(contest, case, _play(contest.asked(case), sides, duration_s))
    ]


def agree(ours: object, theirs: object) -> bool:
    """Tell whether two answers are the same, but for the rounding of numbers."""
    if isinstance(ours, list) and isinstance(theirs, list):
        return len(ours) == len(theirs) and all(map(agree, ours, theirs))
    if isinstance(ours, float) and isinstance(theirs, float):
        return math.isclose(ours, theirs, rel_tol=_RATIO_ERROR_MAX)
    return type(ours) is type(theirs) and ours == theirs


def _play(case: str, sides: list[Process], duration_s: float) -> list[_Verdict]:
    answers = [side.ask("answer", case) for side in sides]
    if sides[0].reason:
        raise ContenderFailed(f"{case}: {sides[0].reason}")
    reasons = [
        side.reason or ("" if agree(answers[0], answer) else "its answers differ from ours")
        for side, answer in zip(sides, answers, strict=True)
    ]
    figures: list[list[float]] = [[] for _ in sides]
    for turn in range(ROUNDS):
        for k in range(len(sides)):
            at = (turn + k) % len(sides)
            figure = None if reasons[at] else sides[at].ask("measure", case, duration_s)
            if isinstance(figure, float):
                figures[at].append(figure)
            elif not reasons[at]:
                reasons[at] = sides[at].reason
    if reasons[0]:
        raise ContenderFailed(f"{case}: {reasons[0]}")
    return [_Verdict(*pair) for pair in zip(figures, reasons, strict=True)]


def _rows(contest: Contest, case: str, verdicts: list[_Verdict]) -> list[BenchRow]:
    ours = BenchRow(
        case=case,
        metric=contest.metric,
        unit=contest.unit,
        ours=statistics.median(verdicts[0].figures),
        note=contest.cases[case],
    )
    if not contest.peers:
        return [ours]
    rows = []
    for peer, verdict in zip(contest.peers, verdicts[1:], strict=True):
        if verdict.reason:
            rows.append(msgspec.structs.replace(ours, peer=peer, reason=verdict.reason))
        else:
            figure = statistics.median(verdict.figures)
            rows.append(row_against(ours, peer, figure, more_is_better=contest.more_is_better))
    return rows
