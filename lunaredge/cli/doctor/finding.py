"""What a check of the doctor comes to: its name, how it went, what was found, what to do.

Owns the exit code that follows from all of them. Checks nothing itself.
"""

import enum
from collections.abc import Callable, Sequence

import msgspec

from lunaredge.errors import ConfigError, LunarEdgeError

EXIT_NOT_SO = 1
EXIT_BAD_CONFIG = 2
EXIT_MISSING_PART = 3
# What cannot be read is mended before what is missing, and that before what is wrong.
_URGENCY = (EXIT_BAD_CONFIG, EXIT_MISSING_PART, EXIT_NOT_SO)


class State(enum.StrEnum):
    """How a check went. SKIPPED: what it needs is not here, or need not be."""

    OK = "ok"
    FAILED = "failed"
    SKIPPED = "skipped"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What one check found."""

    name: str
    state: State
    found: str
    remedy: str = ""
    """What to do; advice, where the check is ok."""
    code: int = 0
    """The exit code that a failure asks for."""


def ok(name: str, found: str, remedy: str = "") -> Finding:
    """Give the finding of a check that went well."""
    return Finding(name=name, state=State.OK, found=found, remedy=remedy)


def skipped(name: str, found: str, remedy: str = "") -> Finding:
    """Give the finding of a check that was not made."""
    return Finding(name=name, state=State.SKIPPED, found=found, remedy=remedy)


def failed(name: str, found: str, remedy: str, code: int = EXIT_NOT_SO) -> Finding:
    """Give the finding of a check that failed."""
    assert code in _URGENCY, code
    return Finding(name=name, state=State.FAILED, found=found, remedy=remedy, code=code)


def attempt(name: str, probe: Callable[[], str]) -> Finding:
    """Run a probe that says what it found, or raises what went wrong."""
    try:
        return ok(name, probe())
    except ModuleNotFoundError as exc:
        return not_installed(name, exc)
    except ConfigError as exc:
        return failed(name, str(exc).removesuffix(f"; {exc.remedy}"), exc.remedy, exc.exit_code)
    except LunarEdgeError as exc:
        found, _, remedy = str(exc).partition("; ")
        return failed(name, found, remedy, exc.exit_code)


def not_installed(name: str, exc: ModuleNotFoundError) -> Finding:
    """Give the finding of a check whose library is not here, as on a board."""
    return skipped(
        name, f"not installed: {exc.name}", "install lunaredge[site], if this is no board"
    )


def exit_code(findings: Sequence[Finding]) -> int:
    """Give the code of the failure to mend first; 0 when nothing failed."""
    codes = {finding.code for finding in findings}
    return next((code for code in _URGENCY if code in codes), 0)


def told_once(findings: Sequence[Finding]) -> list[Finding]:
    """Tell each fault once: settings share files, and what is broken is broken for all of them."""
    first: dict[str, str] = {}
    told = []
    for finding in findings:
        if finding.state is State.FAILED:
            name = first.setdefault(finding.found, finding.name)
            if name != finding.name:
                told.append(skipped(finding.name, f"the fault is told above, at {name}"))
                continue
        told.append(finding)
    return told
