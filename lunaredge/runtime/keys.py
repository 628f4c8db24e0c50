"""A site's signing keys on disk: made once, then loaded by each process.

A folder holds ``NAME.seed`` (the secret half, 64 hex digits, mode 0600) for each holder and
``public.json`` (every public half with its role). Copy to a board its own seed and public.json,
nothing else. Owns no signing: that is `wire.seal`.
"""

import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

import msgspec

from lunaredge.errors import ConfigError
from lunaredge.ids import KeyId
from lunaredge.wire.seal import SEED_BYTES, Keyring, PublicKey, Role, Signer

PUBLIC_FILE = "public.json"
# A thousand times a large site; stops a wrong file from filling memory.
_PUBLIC_BYTES_MAX = 16 * 1024 * 1024
_REMEDY = "make the site's keys, or copy the file here"


class _PublicEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: str
    role: Role
    key: str


class _PublicFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    keys: tuple[_PublicEntry, ...]


def make_keys(folder: Path, holders: Mapping[str, Role]) -> list[str]:
    """Make a key for each holder that has none, and enrol them all; give the names made.

    Raises:
        ConfigError: the folder can't be written, or what is in it can't be used.
    """
    made: list[str] = []
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        enrolled = dict(_load_public(folder)) if (folder / PUBLIC_FILE).exists() else {}
        for name, role in holders.items():
            path = folder / f"{name}.seed"
            if not path.exists():
                _write_secret(path, secrets.token_hex(SEED_BYTES))
                made.append(name)
            enrolled[KeyId(name)] = _signer(path, name, role).public
        _write_public(folder, enrolled)
    except OSError as exc:
        raise _refusal(
            "keys can't be written", folder, "(folder)", str(exc), "make the folder writable"
        ) from exc
    return made


def load_signer(folder: Path, name: str) -> Signer:
    """Give the signer of one holder.

    Raises:
        ConfigError: the seed is missing, open to others, damaged, or not the one enrolled.
    """
    path = folder / f"{name}.seed"
    public = _load_public(folder).get(KeyId(name))
    if public is None:
        raise _refusal(
            "key is not enrolled", folder / PUBLIC_FILE, "keys", name, "enrol it, or check the name"
        )
    signer = _signer(path, name, public.role)
    if signer.public != public:
        raise _refusal(
            "seed does not match the enrolled public key",
            path,
            name,
            signer.public.key.hex(),
            "restore the seed that was enrolled, or enrol this one",
        )
    return signer


def load_keyring(folder: Path) -> Keyring:
    """Give every public key the site trusts.

    Raises:
        ConfigError: the public file is missing or damaged.
    """
    return Keyring(_load_public(folder))


def _signer(path: Path, name: str, role: Role) -> Signer:
    """Read one seed. The mode is checked first: a secret others can read is no secret."""
    try:
        mode = path.stat().st_mode & 0o777
        text = path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as exc:
        raise _refusal("seed can't be read", path, name, str(exc), _REMEDY) from exc
    if mode & 0o077:
        raise _refusal(
            "seed is open to other users", path, "mode", f"{mode:04o}", f"chmod 600 {path}"
        )
    try:
        seed = bytes.fromhex(text)
    except ValueError:
        seed = b""
    if len(seed) != SEED_BYTES:
        raise _refusal(
            "seed is not 64 hex digits", path, name, f"{len(text)} characters", "restore the seed"
        )
    return Signer(KeyId(name), role, seed)


def _load_public(folder: Path) -> dict[KeyId, PublicKey]:
    path = folder / PUBLIC_FILE
    try:
        content = path.read_bytes()[: _PUBLIC_BYTES_MAX + 1]
        entries = msgspec.json.decode(content, type=_PublicFile).keys
        return {
            KeyId(entry.id): PublicKey(
                id=KeyId(entry.id), role=entry.role, key=_public_bytes(entry.key)
            )
            for entry in entries
        }
    except OSError as exc:
        raise _refusal("public keys can't be read", path, "keys", str(exc), _REMEDY) from exc
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as exc:
        raise _refusal(
            "public keys are damaged", path, "keys", str(exc), "restore the file"
        ) from exc


def _public_bytes(text: str) -> bytes:
    key = bytes.fromhex(text)
    if len(key) != SEED_BYTES:
        raise ValueError(f"public key of {len(key)} bytes, not {SEED_BYTES}")
    return key


def _write_secret(path: Path, text: str) -> None:
    """Write a file that only its owner can read, from its first byte on."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as out:
        out.write(text + "\n")
        out.flush()
        os.fsync(out.fileno())


def _write_public(folder: Path, enrolled: Mapping[KeyId, PublicKey]) -> None:
    """Replace the public file in one step, so that a reader never sees half of it."""
    rows = [
        {"id": public.id, "role": public.role.value, "key": public.key.hex()}
        for _, public in sorted(enrolled.items())
    ]
    partial = folder / (PUBLIC_FILE + ".new")
    partial.write_text(json.dumps({"keys": rows}, indent=1) + "\n", "utf-8")
    partial.replace(folder / PUBLIC_FILE)


def _refusal(problem: str, place: Path, key: str, value: str, remedy: str) -> ConfigError:
    return ConfigError(problem, place=str(place), key=key, value=value, remedy=remedy)
