"""Parties as bytes: one to come back from, and one to tell states apart.

What a party shares with others is kept by name. The second form holds all that can bear on what a
party does next, and is the same for two parties exactly when they are alike in it; where in doubt
it holds too much, which costs time and hides nothing.
"""

import enum
import io
import pickle
from collections import deque
from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Any

import msgspec

from lunaredge.scheduler.ground import GroundMap
from lunaredge.scheduler.node import CHECKPOINT
from lunaredge.sim.disk import Disk
from lunaredge.sim.scope.parties import Shop
from lunaredge.wire import spool

# What bears on nothing that a node says about ground, or does: by class, with the reason.
_LEFT_OUT: Mapping[str, frozenset[str]] = {
    # The guard's copy of the state, to go back to when an input fails: then the search ends. The
    # feed goes to Earth, and nothing comes back. Every input ends in a checkpoint, so the journal's
    # numbers never decide. Counts and notes of refusals are for people.
    "SchedulerNode": frozenset(
        {"_guarded", "_feed", "_entry_no", "_checkpoint_no", "_noted", "refused"}
    ),
    # What can be computed anew from the state.
    "SchedulerCore": frozenset({"_wakeup_ns"}),
    "Context": frozenset({"intents", "_open", "specs"}),
    "Outlet": frozenset({"_noted", "refused"}),
    # How much was compared is no part of what is known.
    "SeparationChecker": frozenset({"checked", "separation_m_min", "_specs", "_radii_m"}),
    "AuthorityChecker": frozenset({"checked", "_specs"}),
    "ReuseChecker": frozenset({"checked", "_specs"}),
    "Disk": frozenset({"archive", "commits"}),
}
_PLAIN = (type(None), bool, int, float, str, bytes)

_GROUND = "ground"

_encoder = msgspec.msgpack.Encoder()


class Freezer:
    """Turns parties into bytes and back."""

    def __init__(self, shop: Shop) -> None:
        self._shared = shop.shared()
        self._names = {id(each): name for name, each in self._shared.items()}
        self._kinds: set[type] = {GroundMap}
        self._kinds.update(type(each) for each in self._shared.values())
        self._reducers: dict[type, Callable[[Any], Any]] = dict.fromkeys(self._kinds, self._reduced)

    def freeze(self, what: object) -> bytes:
        """Give bytes to come back from."""
        buffer = io.BytesIO()
        pickler = pickle.Pickler(buffer, protocol=pickle.HIGHEST_PROTOCOL)
        pickler.dispatch_table = self._reducers
        pickler.dump(what)
        return buffer.getvalue()

    def thaw(self, frozen: bytes) -> Any:
        """Give back what was frozen, as a copy of its own."""
        return _Unpickler(io.BytesIO(frozen), self._shared).load()

    def digest(self, what: object) -> bytes:
        """Give the hash of everything that decides."""
        parts: list[bytes] = []
        self._tell(what, parts, {})
        return blake2b(b"\0".join(parts), digest_size=16).digest()

    def _name_of(self, what: object) -> str:
        """Give the name of what is shared."""
        if type(what) is GroundMap:
            # Nobody measures terrain here: every ground is that of the site file.
            self._shared[_GROUND] = what
            return _GROUND
        return self._names[id(what)]

    def _reduced(self, what: object) -> tuple[Callable[[str], object], tuple[str]]:
        return _named, (self._name_of(what),)

    def _tell(self, what: object, parts: list[bytes], told: dict[int, int]) -> None:
        if isinstance(what, _PLAIN):
            parts.append(repr(what).encode())
            return
        if type(what) in self._kinds:
            parts.append(self._name_of(what).encode())
        elif isinstance(what, enum.Enum):
            parts.append(str(what).encode())
        elif isinstance(what, msgspec.Struct):
            parts += (type(what).__name__.encode(), _encoder.encode(what))
        elif id(what) in told:
            parts.append(b"@%d" % told[id(what)])
        else:
            told[id(what)] = len(told)
            self._tell_inside(what, parts, told)

    def _tell_inside(self, what: object, parts: list[bytes], told: dict[int, int]) -> None:
        parts.append(type(what).__name__.encode())
        if isinstance(what, list | tuple | deque):
            parts.append(b"%d" % len(what))
            for each in what:
                self._tell(each, parts, told)
        elif isinstance(what, set | frozenset):
            parts.append(repr(sorted(map(repr, what))).encode())
        elif isinstance(what, dict):
            parts.append(b"%d" % len(what))
            for key, value in what.items():
                self._tell(key, parts, told)
                self._tell(value, parts, told)
        elif isinstance(what, Disk):
            self._tell_disk(what, parts)
        else:
            self._tell_fields(what, parts, told)

    def _tell_fields(self, what: object, parts: list[bytes], told: dict[int, int]) -> None:
        left_out = _LEFT_OUT.get(type(what).__name__, frozenset())
        for field, value in sorted(vars(what).items()):
            if field not in left_out:
                parts.append(field.encode())
                self._tell(value, parts, told)

    def _tell_disk(self, disk: Disk, parts: list[bytes]) -> None:
        parts.append(b"%d" % disk.boots)
        is_leader = any(row.table == CHECKPOINT for row in disk.rows())
        for row in disk.rows():
            if is_leader and row.table == spool.TABLE:
                continue
            number = 0 if row.table == CHECKPOINT else row.number
            parts.append(repr((row.table, row.scope, number, row.value)).encode())


def _named(name: str) -> object:
    """Stand for what is shared; an unpickler puts its own in this one's place."""
    raise AssertionError(f"{name} is thawed by a Freezer only")


class _Unpickler(pickle.Unpickler):
    def __init__(self, buffer: io.BytesIO, shared: Mapping[str, object]) -> None:
        super().__init__(buffer)
        self._shared = shared

    def find_class(self, module: str, name: str) -> Any:
        """Give what a name in the bytes stands for."""
        if name == _named.__name__:
            return self._shared.__getitem__
        return super().find_class(module, name)
