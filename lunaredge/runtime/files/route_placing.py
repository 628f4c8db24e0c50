"""What the parts of a scene file share: errors placed in it, names taken once, values left out."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from lunaredge.errors import ConfigError
from lunaredge.runtime.files.document import Document, KeyPath

_STEP = re.compile(r"\w+")


@contextmanager
def placed(document: Document, key: KeyPath, whole: str = "") -> Iterator[None]:
    """Raise what the library refuses as an error of the file's value at that key path.

    The library names a value by its own key, ``knots[3][0]``, which is looked for below ``key``;
    a first part of ``whole`` stands for ``key`` itself.
    """
    try:
        yield
    except ConfigError as exc:
        below = tuple(int(s) if s.isdigit() else s for s in _STEP.findall(exc.key))
        below = below[1:] if below[:1] == (whole,) else below
        # Numpy's own numbers say so when they are shown.
        value = exc.value.item() if isinstance(exc.value, np.generic) else exc.value
        raise document.error(exc.problem, (*key, *below), value, exc.remedy) from exc


def file_named(document: Document, key: KeyPath, name: str) -> Path:
    """Give the path of another file that a document names, from the document's own folder.

    Raises:
        ConfigError: there is none.
    """
    path = document.path.parent / name
    if not path.is_file():
        remedy = f"check the path; it is looked for as {path}"
        raise document.error("there is no such file", key, name, remedy)
    return path


def check_new(document: Document, key: KeyPath, name: str, names: set[str]) -> None:
    """Check that a name is not taken, and take it.

    Raises:
        ConfigError: it is.
    """
    if name in names:
        remedy = "rename one of them"
        raise document.error("this name is taken", (*key, "name"), name, remedy)
    names.add(name)


def or_else(value: float | None, otherwise: float) -> float:
    """Give a value, or what it means that it was left out."""
    return otherwise if value is None else value
