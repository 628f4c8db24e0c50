"""What every command that talks to a running site shares: its options and its connection."""

import argparse
import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from lunaredge.errors import TransportError
from lunaredge.runtime.client import SiteClient
from lunaredge.runtime.client_settings import Client, load_client
from lunaredge.units import NS_PER_S

T = TypeVar("T")


def add_config(parser: argparse.ArgumentParser) -> None:
    """Add the option that names the client's settings."""
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="client settings (default: $LUNAREDGE_CLIENT, else ./operator.toml)",
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add the option that scripts use."""
    parser.add_argument("--json", action="store_true", help="print JSON for scripts")


def with_client(
    client: Client,
    views: tuple[str, ...],
    act: Callable[[SiteClient], Awaitable[T]],
    *,
    hears_nodes: bool = False,
) -> T:
    """Connect, do something, disconnect.

    Raises:
        TransportError: the broker was not reached; says which, and which file names it.
    """

    async def connected() -> T:
        site = SiteClient(client.broker, client.identity, views, hears_nodes=hears_nodes)
        async with site:
            return await act(site)

    try:
        return asyncio.run(connected())
    except TransportError as exc:
        raise TransportError(f"{client.file}: {exc}") from exc


def load(options: argparse.Namespace, *, signs: bool) -> Client:
    """Read the settings that the options name."""
    return load_client(options.config, signs=signs)


def age_s(client: Client, site_ns: int) -> float:
    """Give how old something is, seconds of site time."""
    return (client.identity.clock.now_ns() - site_ns) / NS_PER_S
