"""What a demo refuses before anything is started or written, each with one message."""

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from lunaredge.errors import ConfigError
from lunaredge.model.fleet import Fleet


def check_folder(folder: Path) -> None:
    """Refuse a folder that can't be written to, or in which something lies already.

    Raises:
        ConfigError: names the option.
    """
    remedy = "name a folder that is new or empty"
    try:
        if folder.exists() and not folder.is_dir():
            raise refused("--keep", str(folder), remedy, "is a file")
        if folder.exists() and any(folder.iterdir()):
            raise refused("--keep", str(folder), remedy, "has something in it")
        place = next(each for each in (folder, *folder.absolute().parents) if each.exists())
        # What modes and mounts let a user do is known only to who tries.
        tempfile.TemporaryFile(dir=place).close()
    except OSError as exc:
        remedy = "name one in a folder that can be written to"
        raise refused("--keep", str(folder), remedy, f"can't be written: {exc.strerror}") from exc


def check_picture(path: Path) -> None:
    """Refuse a picture that can't be written at the end.

    Raises:
        ConfigError: names the option.
    """
    if path.suffix != ".svg":
        raise refused("--picture", str(path), "name a file that ends in .svg", "is no SVG file")
    place = path if path.exists() else path.parent
    if path.is_dir() or not path.parent.is_dir() or not os.access(place, os.W_OK):
        remedy = "name a file in a folder that can be written to"
        raise refused("--picture", str(path), remedy, "can't be written")


def check_kills(kills: Sequence[str], fleet: Fleet) -> None:
    """Refuse to kill an agent that is not there.

    Raises:
        ConfigError: names the option.
    """
    names = {f"agent:{spec.name}" for spec in fleet.nodes}
    for kill in kills:
        if kill.startswith("agent:") and kill not in names:
            remedy = f"name one of {', '.join(sorted(names))}"
            raise refused("--kill", kill, remedy, "there is no such agent")


def refused(option: str, value: object, remedy: str, problem: str) -> ConfigError:
    """Give the error for an option that asks for what can't be."""
    return ConfigError(problem, place="lunaredge demo", key=option, value=value, remedy=remedy)
