"""What a demo leaves behind for judging it: one JSON file beside its stores and logs."""

from pathlib import Path

import msgspec

from lunaredge.errors import ConfigError

FILE_NAME = "run.json"


class Kill(msgspec.Struct, frozen=True, kw_only=True):
    """One process killed with SIGKILL."""

    name: str
    at_ns: int


class Attack(msgspec.Struct, frozen=True, kw_only=True):
    """One frame sent to a node that had to be refused and counted."""

    kind: str
    node: str
    at_ns: int


class LiveDigest(msgspec.Struct, frozen=True, kw_only=True):
    """What the living scheduler said of itself: its digest at a journal entry."""

    entry: int
    digest: str


class RunRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One run: its inputs, and what its director did and saw. Times are site time."""

    site_file: str
    fleet_file: str
    order_file: str
    contacts_file: str
    start_ns: int
    end_ns: int
    speed: float
    wall_s: float
    broker: dict[str, str | bool]
    kills: tuple[Kill, ...]
    attacks: tuple[Attack, ...]
    digests: tuple[LiveDigest, ...]
    link: str
    """The gateway's last word on the Earth link, as JSON."""
    finished: bool
    """Every task ended and everything was delivered before the director's patience did."""
    trouble: str = ""
    """Why the director gave up, if it did."""

    def save(self, folder: Path) -> None:
        """Write the record."""
        (folder / FILE_NAME).write_bytes(msgspec.json.format(msgspec.json.encode(self)))

    @staticmethod
    def load(folder: Path) -> "RunRecord":
        """Read a run's record.

        Raises:
            ConfigError: there is none, or it can't be read.
        """
        path = folder / FILE_NAME
        try:
            record = msgspec.json.decode(path.read_bytes(), type=RunRecord)
            msgspec.json.decode(record.link, type=dict[str, object])
            return record
        except (FileNotFoundError, NotADirectoryError) as exc:
            raise _unjudged(folder, "folder", _missing(folder), str(folder)) from exc
        except OSError as exc:
            raise _unjudged(path, "file", f"can't be read: {exc.strerror}", FILE_NAME) from exc
        except (msgspec.DecodeError, UnicodeDecodeError) as exc:
            raise _unjudged(path, "file", f"is no record of a run: {exc}", FILE_NAME) from exc


def _missing(folder: Path) -> str:
    if folder.is_dir():
        return f"there is no {FILE_NAME} in it"
    return "this is no folder" if folder.exists() else "there is no such folder"


def _unjudged(place: Path, key: str, problem: str, value: str) -> ConfigError:
    remedy = "name the folder that `lunaredge demo --keep DIR` left"
    return ConfigError(problem, place=str(place), key=key, value=value, remedy=remedy)
