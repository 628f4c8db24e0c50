"""Consent: what takes a person two steps, so that no slip of a finger does it.

The first step gives a code and says what it will do; the second repeats the code. A code is good
for one subject and purpose, once, and a short time.
"""

import zlib
from typing import NamedTuple

from lunaredge.scheduler.context import Context
from lunaredge.scheduler.state import Consent
from lunaredge.units import NS_PER_S

# Time for a person to read the code and type it; a code lying about for longer is a risk.
CODE_NS = 600 * NS_PER_S


class Outcome(NamedTuple):
    """What came of a step, in words for the person who took it."""

    taken: bool
    text: str
    code: str = ""
    """What the next step must repeat, if there is one."""


def done(text: str) -> Outcome:
    """Say what was done."""
    return Outcome(taken=True, text=text)


def refused(text: str) -> Outcome:
    """Say why nothing was done, and what to do about it."""
    return Outcome(taken=False, text=text)


def ask(ctx: Context, subject: str, purpose: str, what: str, proviso: str) -> Outcome:
    """Give a fresh code; the subject's earlier one, and those whose time is over, are forgotten.

    ``what`` says what is going to be done, and ``proviso`` when, or why, to go on.
    """
    consents = ctx.state.consents
    for over in [key for key, consent in consents.items() if ctx.now_ns >= consent.expiry_ns]:
        del consents[over]
    code = f"{zlib.crc32(f'{subject}/{purpose}/{ctx.now_ns}'.encode()):08x}"[:6]
    consents[subject] = Consent(purpose=purpose, code=code, expiry_ns=ctx.now_ns + CODE_NS)
    text = f"{what}; repeat with the code {code} {proviso}"
    return Outcome(taken=True, text=text, code=code)


def take(ctx: Context, subject: str, purpose: str, code: str) -> bool:
    """Tell whether the code is the one that was given for this; it is good once."""
    consent = ctx.state.consents.get(subject)
    if consent is None or (purpose, code) != (consent.purpose, consent.code):
        return False
    if ctx.now_ns >= consent.expiry_ns:
        return False
    del ctx.state.consents[subject]
    return True


def forget(ctx: Context, subject: str) -> None:
    """Let no code for this be good any more."""
    ctx.state.consents.pop(subject, None)
