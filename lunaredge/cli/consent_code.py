"""Codes on the command line: what the first of two steps gave, and the second repeats."""

import argparse


def add_code(parser: argparse.ArgumentParser, step: str = "the first step") -> None:
    """Add the option that takes the code; ``step`` says what gave it."""
    parser.add_argument("--code", type=_code, help=f"the code that {step} gave")


def code_of(options: argparse.Namespace) -> str:
    """Give the code that was typed; empty where the option was left out: that is a first step."""
    return options.code or ""


def _code(text: str) -> str:
    """Give a code from its text.

    Raises:
        ArgumentTypeError: it is empty, as of a script whose variable is not set: that is no first
            step, which would only ask for a new code and be called done.
    """
    if not text.strip():
        told = "the code is empty; give the one that the first step printed, or leave --code out"
        raise argparse.ArgumentTypeError(told)
    return text
