"""What a checker is, and the report of all of them."""

from collections.abc import Iterable, Sequence
from typing import Protocol

import msgspec

from lunaredge.sim.checkers.evidence import Evidence

# The first ones tell the story; a broken run could otherwise fill the memory.
VIOLATIONS_KEPT = 100


class Violation(msgspec.Struct, frozen=True, kw_only=True):
    """One breach of an invariant, in words that name who, what and by how much."""

    invariant: str
    at_ns: int
    text: str


class Checker(Protocol):
    """Watches one invariant. Never asks the watched code for its opinion."""

    name: str
    checked: int
    """Single facts compared so far; a checker that compared nothing proves nothing."""
    violations: list[Violation]

    @property
    def sees(self) -> tuple[type[Evidence], ...]:
        """The kinds of evidence that bear on it; it need not be shown any other."""
        ...

    def see(self, evidence: Evidence) -> None:
        """Take one piece of evidence, in order of time."""
        ...

    def finish(self, now_ns: int) -> None:
        """Check what can only be known at the end."""
        ...


class BaseChecker:
    """The counting that every checker shares."""

    name = ""
    sees: tuple[type[Evidence], ...] = ()

    def __init__(self) -> None:
        self.checked = 0
        self.violations: list[Violation] = []

    def finish(self, now_ns: int) -> None:
        """Check what can only be known at the end."""

    def _check(self, holds: bool, at_ns: int, text: str) -> None:  # noqa: FBT001 - a fact
        self.checked += 1
        if not holds:
            self._break(at_ns, text)

    def _break(self, at_ns: int, text: str) -> None:
        if len(self.violations) < VIOLATIONS_KEPT:
            self.violations.append(Violation(invariant=self.name, at_ns=at_ns, text=text))


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """One invariant's line in a report."""

    ok: bool
    checked: int
    violations: int


def report(checkers: Iterable[Checker]) -> dict[str, Verdict]:
    """Give the report by invariant, as scripts see it."""
    return {
        checker.name: Verdict(
            ok=not checker.violations,
            checked=checker.checked,
            violations=len(checker.violations),
        )
        for checker in checkers
    }


def first_violation(checkers: Sequence[Checker]) -> Violation | None:
    """Give the earliest violation, or None."""
    found = [checker.violations[0] for checker in checkers if checker.violations]
    return min(found, key=lambda violation: violation.at_ns) if found else None
