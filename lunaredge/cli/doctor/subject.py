"""A settings file that was read, and what in it the doctor can check."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec

from lunaredge.runtime.keys import load_keyring, load_signer
from lunaredge.runtime.mqtt import LinkSettings


class Keys(NamedTuple):
    """The top-level keys of a kind of settings."""

    known: frozenset[str]
    required: frozenset[str]

    def misfits(self, given: frozenset[str]) -> int:
        """Count what is missing and what is not known."""
        return len(self.required - given) + len(given - self.known)


class Part(NamedTuple):
    """Something that settings name; the probe loads it and says what it found, or raises."""

    name: str
    probe: Callable[[], str]


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """Settings, and what they lead to."""

    settings: object
    parts: tuple[Part, ...] = ()
    broker: LinkSettings | None = None
    """The broker that the process will look for."""
    listens: LinkSettings | None = None
    """Where a broker will listen."""
    folders: tuple[Path, ...] = ()
    """What it will write into."""
    store: Path | None = None


def keys_part(folder: Path, name: str) -> Part:
    """Give the part of a process's own key and everybody's public ones."""

    def probe() -> str:
        load_signer(folder, name)
        load_keyring(folder)
        return f"{name}.seed and public.json in {folder}"

    return Part("keys", probe)
