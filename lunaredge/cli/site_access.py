"""What every command that talks to a running site shares: its options and its connection."""

import argparse
import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

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
    client: Client, views: tuple[str, ...], act: Callable[[SiteClient], Awaitable[T]]
) -> T:
    """Connect, do something, disconnect."""

    async def connected() -> T:
        async with SiteClient(client.broker, client.identity, views) as site:
            return await act(site)

    return asyncio.run(connected())


def load(options: argparse.Namespace, *, signs: bool) -> Client:
    """Read the settings that the options name."""
    return load_client(options.config, signs=signs)


def age_s(client: Client, site_ns: int) -> float:
    """Give how old something is, seconds of site time."""
    return (client.identity.clock.now_ns() - site_ns) / NS_PER_S
