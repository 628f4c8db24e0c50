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


class Deed(NamedTuple):
    """What a person must say twice."""

    subject: str
    """Whom or what it is about; one code at a time is good for it."""
    purpose: str
    """What exactly was agreed to; a code given for another purpose is not good for this one."""
    what: str
    """What is going to be done, in words."""
    proviso: str
    """When, or why, to go on."""


def done(text: str) -> Outcome:
    """Say what was done."""
    return Outcome(taken=True, text=text)


def refused(text: str) -> Outcome:
    """Say why nothing was done, and what to do about it."""
    return Outcome(taken=False, text=text)


def step(ctx: Context, deed: Deed, code: str) -> Outcome | None:
    """Go one of the two steps; give what to say to the person, or None: the deed may be done.

    Without a code it is the first step. A code is good once.
    """
    if not code:
        return _ask(ctx, deed)
    if not _take(ctx, deed, code):
        return refused("the code is wrong, too old or for something else; ask for a new one")
    return None


def forget(ctx: Context, subject: str) -> None:
    """Let no code for this be good any more."""
    ctx.state.consents.pop(subject, None)


def _ask(ctx: Context, deed: Deed) -> Outcome:
    # The subject's earlier code, and those whose time is over, are forgotten.
    consents = ctx.state.consents
    for over in [key for key, consent in consents.items() if ctx.now_ns >= consent.expiry_ns]:
        del consents[over]
    code = f"{zlib.crc32(f'{deed.subject}/{deed.purpose}/{ctx.now_ns}'.encode()):08x}"[:6]
    expiry_ns = ctx.now_ns + CODE_NS
    consents[deed.subject] = Consent(purpose=deed.purpose, code=code, expiry_ns=expiry_ns)
    text = f"{deed.what}; repeat with the code {code} {deed.proviso}"
    return Outcome(taken=True, text=text, code=code)


def _take(ctx: Context, deed: Deed, code: str) -> bool:
    consent = ctx.state.consents.get(deed.subject)
    if consent is None or (deed.purpose, code) != (consent.purpose, consent.code):
        return False
    if ctx.now_ns >= consent.expiry_ns:
        return False
    forget(ctx, deed.subject)
    return True
