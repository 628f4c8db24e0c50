"""Commands that a person can paste: they work from the folder where the demo was started.

Printed as they are, one to a line: a line that a screen library has wrapped can't be pasted.
"""

import shlex
import shutil
import sys
from pathlib import Path


def pasteable(*words: str | Path) -> str:
    """Give the command line that calls this very program with these words."""
    shown = [near(word) if isinstance(word, Path) else word for word in words]
    return shlex.join([*_program(), *shown])


def near(path: Path) -> str:
    """Give a path as it is shortest: from the current folder, when it lies inside."""
    # Links are not followed: a virtual environment's python is one, and must stay itself.
    whole, here = path.absolute(), Path.cwd()
    return str(whole.relative_to(here) if whole.is_relative_to(here) else whole)


def _program() -> tuple[str, ...]:
    """Give the words that start lunaredge here."""
    started = Path(sys.argv[0])
    if started.name == "__main__.py" or not started.is_file():
        return (_runnable(Path(sys.executable)), "-m", "lunaredge")
    on_path = shutil.which(started.name)
    if on_path is not None and started.samefile(on_path):
        return (started.name,)
    return (_runnable(started),)


def _runnable(program: Path) -> str:
    """Give a program's path so that a shell does not look for it elsewhere."""
    path = near(program)
    return path if "/" in path else f"./{path}"
