"""Reasons on the command line: what others read who want the machine, or whose way is closed."""

import argparse

from lunaredge.printable import printable
from lunaredge.wire.safeguards import WHY_LENGTH_MAX


def reason(text: str) -> str:
    """Give a reason from its text.

    Raises:
        ArgumentTypeError: it says nothing, is too long to be shown whole, or would draw on screens.
    """
    if not text.strip():
        raise argparse.ArgumentTypeError("it is empty; say what others must know")
    if len(text) > WHY_LENGTH_MAX:
        remedy = f"say it in {WHY_LENGTH_MAX} letters"
        raise argparse.ArgumentTypeError(f"it has {len(text)} letters; {remedy}")
    if text != printable(text):
        told = "it has a line break, a control character or a letter that screens don't show"
        raise argparse.ArgumentTypeError(told)
    return text
