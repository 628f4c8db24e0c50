"""What is drawn for a contest, once for all its contenders: arrays, kept in a folder of the run's.

Drawing free paths takes longer than checking them, and every contender would draw the same.
"""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lunaredge.cli.bench.contest import FOLDER_VARIABLE

Arrays = dict[str, npt.NDArray[Any]]


def drawn(name: str, draw: Callable[[], Arrays]) -> Arrays:
    """Give the arrays of that name: those that another contender drew, or drawn now.

    Outside a contest nothing is kept.
    """
    folder = os.environ.get(FOLDER_VARIABLE)
    if not folder:
        return draw()
    digest = hashlib.sha256(name.encode()).hexdigest()[:16]
    path = Path(folder) / f"{digest}.npz"
    if path.exists():
        with np.load(path) as kept:
            return {key: kept[key] for key in kept.files}
    arrays = draw()
    part = path.with_suffix(f".{os.getpid()}.part")
    with part.open("wb") as stream:
        np.savez(stream, **arrays)  # type: ignore[arg-type]
    part.replace(path)
    return arrays
