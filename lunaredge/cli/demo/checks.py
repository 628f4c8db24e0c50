"""What a demo refuses before anything is started or written, each with one message."""

import os
from collections.abc import Sequence
from pathlib import Path

from lunaredge.errors import ConfigError
from lunaredge.model.fleet import Fleet


def check_folder(folder: Path) -> None:
    """Refuse a folder in which something lies already.

    Raises:
        ConfigError: names the option.
    """
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise refused(
            "--keep", str(folder), "name a folder that is new or empty", "has something in it"
        )


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
