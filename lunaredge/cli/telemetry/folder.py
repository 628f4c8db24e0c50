"""An archive's folder on the command line, and the names of what is in it."""

import argparse
import contextlib
import difflib
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from lunaredge.cli.named_file import named_file, named_folder
from lunaredge.errors import NOT_GIVEN, ConfigError, QueryError
from lunaredge.runtime.archive.read import ArchiveReader, ChannelInfo
from lunaredge.runtime.client_settings import ClientFile
from lunaredge.runtime.clock import Anchor, SiteClock
from lunaredge.runtime.settings import beside, convert
from lunaredge.runtime.site_settings import ArchiveProcessSettings, load_settings

# Of many names so many are told.
_NAMES_MAX = 30


class Archive(NamedTuple):
    """An archive, open, and what its site's clock says."""

    reader: ArchiveReader
    now_ns: int


def add_archive(parser: argparse.ArgumentParser) -> None:
    """Add the options that name the folder."""
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--archive",
        type=named_folder,
        metavar="DIR",
        help="folder of the archive, or a copy of it (in a demo's folder: stores/archive)",
    )
    which.add_argument(
        "--config",
        type=named_file,
        metavar="FILE",
        help="settings of the archive's process, which name its folder",
    )


@contextlib.contextmanager
def open_archive(options: argparse.Namespace) -> Iterator[Archive]:
    """Open what the options name; its process may run on.

    Raises:
        ConfigError: no folder is named, or there is none of that name.
        StorageError: it is no archive, or can't be read.
    """
    place, anchor = f"lunaredge {options.command}", Anchor()
    folder = options.archive
    if options.config is not None:
        settings = _settings(options.config)
        folder, anchor = beside(options.config, settings.store), settings.clock.anchor()
    if folder is None:
        raise ConfigError(
            "no archive is named",
            place=place,
            key="--archive",
            value=NOT_GIVEN,
            remedy="give --archive with its folder (`store` in the archive's settings), "
            "or --config with the settings of its process",
        )
    if not folder.is_dir():
        raise ConfigError(
            "there is no such folder",
            place=place,
            key="--archive" if options.config is None else f"store in {options.config}",
            value=str(folder),
            remedy="name the folder of an archive; its process makes it when it is first started",
        )
    with ArchiveReader.open(folder) as reader:
        if reader.catalog_fault:
            print(
                f"read by the copy of its catalog, which has all that is there: "
                f"{reader.catalog_fault}; a start of the archive's process mends it",
                file=sys.stderr,
            )
        yield Archive(reader, SiteClock(anchor).now_ns())


def _settings(path: Path) -> ArchiveProcessSettings:
    """Read the settings of an archive's process.

    Raises:
        ConfigError: they can't be used; or they are a client's, which name no archive.
    """
    try:
        return load_settings(path, ArchiveProcessSettings)
    except ConfigError as exc:
        with contextlib.suppress(ConfigError):
            convert(path, ClientFile)
            raise _of_client(path) from exc
        raise


def _of_client(path: Path) -> QueryError:
    return QueryError(
        f"{path}: these are a client's settings, which name no archive; give --config with the "
        "settings of the archive's process (archive.toml), or --archive with its folder"
    )


def tell_damage(reader: ArchiveReader) -> int:
    """Say on standard error what was left out as damaged; give the exit code that this means."""
    if not reader.lost:
        return 0
    found = list(dict.fromkeys(reader.lost))
    print(
        f"left out: {len(found)} stretches of samples are damaged, the first in {found[0].place}: "
        f"{found[0].what}; lunaredge gaps --verify lists them",
        file=sys.stderr,
    )
    return 1


def known_node(reader: ArchiveReader, node: str) -> str:
    """Give a node's name when it is there.

    Raises:
        QueryError: it is not; names those that are.
    """
    nodes = reader.nodes()
    if node not in nodes:
        raise QueryError(
            f"nothing of a node {node!r} is in {reader.folder}; {_choice(node, nodes)}"
        )
    return node


def known_channel(reader: ArchiveReader, node: str, channel: str) -> list[ChannelInfo]:
    """Give what is known of a node's channel: one for each unit and type.

    Raises:
        QueryError: the node or its channel is not there; names those that are.
    """
    infos = reader.channels(known_node(reader, node))
    found = [info for info in infos if info.name == channel]
    if not found:
        names = [info.name for info in infos]
        raise QueryError(f"{node} has no channel {channel!r}; {_choice(channel, names)}")
    return found


def known_span(infos: Iterable[ChannelInfo]) -> tuple[int, int] | None:
    """Give of which time channels tell: first and last; None for no channels."""
    spans = [(info.first_ns, info.last_ns) for info in infos]
    if not spans:
        return None
    return min(first for first, _ in spans), max(last for _, last in spans)


def _choice(name: str, known: Iterable[str]) -> str:
    """Say what there is instead."""
    names = sorted(set(known))
    if not names:
        return "nothing at all is there"
    near = difflib.get_close_matches(name, names, n=1)
    more = f" and {len(names) - _NAMES_MAX} more" if len(names) > _NAMES_MAX else ""
    told = f"there are: {', '.join(names[:_NAMES_MAX])}{more}"
    return f"did you mean {near[0]}? {told}" if near else told
