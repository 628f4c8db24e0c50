"""Files and folders on the command line: names that can be one."""

import argparse
import errno
from pathlib import Path


def named_file(text: str) -> Path:
    """Give a file's path from its name, whether there is one or not.

    Raises:
        ArgumentTypeError: it is empty, as of a script whose variable is not set, and would mean
            this folder; or no file can have so long a name.
    """
    return _named(text, "file")


def named_folder(text: str) -> Path:
    """Give a folder's path from its name, whether there is one or not.

    Raises:
        ArgumentTypeError: it is empty, and would mean this folder; or no folder can have so long
            a name.
    """
    return _named(text, "folder")


def _named(text: str, what: str) -> Path:
    if not text:
        raise argparse.ArgumentTypeError(f"the name is empty; name a {what}")
    path = Path(text)
    try:
        path.lstat()
    except OSError as exc:
        if exc.errno == errno.ENAMETOOLONG:
            told = f"the name has {len(text)} letters, more than a {what}'s may have; name another"
            raise argparse.ArgumentTypeError(told) from exc
    return path
