"""What every command that talks to a running site shares: its options and its connection."""

import argparse
import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec

from lunaredge.errors import TimeoutExceeded, TransportError
from lunaredge.runtime.client import ANSWER_S_MAX, EXPIRY_NS, SiteClient
from lunaredge.runtime.client_settings import Client, load_client
from lunaredge.units import NS_PER_S
from lunaredge.wire.malformed import MALFORMED
from lunaredge.wire.messages import Answer, Approve, Explain, Question, View

# The one view on Earth's broker: the Earth station's own, of its end of the link.
EARTH = "earth"
LINK_WORDS = {"open": "open", "planned": "out, as planned", "outage": "out, unplanned"}

T = TypeVar("T")


class _EarthRow(msgspec.Struct, frozen=True):
    """What counts here in the row of the view `earth`."""

    state: str
    countdown_s: float | None = None


_earth_decoder = msgspec.json.Decoder(tuple[_EarthRow, ...])


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


class Answered(NamedTuple):
    """What was answered to a question, and where it was asked."""

    answer: Answer
    is_earth: bool
    """Through Earth's broker."""


def answer(client: Client, question: Question | Explain) -> Answered:
    """Ask the scheduler, from Earth or at the site.

    Raises:
        TransportError: the broker was not reached; says which, and which file names it.
        TimeoutExceeded: no answer in time; says what becomes of the word.
    """

    async def ask(site: SiteClient) -> Answered:
        try:
            given = await site.ask(question)
        except TimeoutExceeded as exc:
            if EARTH in site.latest:
                raise TimeoutExceeded(_on_earth(site, question)) from exc
            raise
        return Answered(given, EARTH in site.latest)

    return with_client(client, (EARTH,), ask)


def _on_earth(site: SiteClient, question: Question | Explain) -> str:
    """Say what becomes of a word that the site has not answered yet."""
    view = site.latest[EARTH]
    heard_s = (site.identity.clock.now_ns() - view.site_ns) / NS_PER_S
    silence = f"no answer from the site in {ANSWER_S_MAX:g} s; {_link(view)}"
    if isinstance(question, Explain):
        return silence
    if isinstance(question, Approve):
        return (
            f"{silence}. The Earth station, last heard {heard_s:.0f} s ago, keeps the word of a "
            "key that it knows on its disk for the next contact"
        )
    kept_s = EXPIRY_NS / NS_PER_S
    return (
        f"{silence}. The Earth station, last heard "
        f"{heard_s:.0f} s ago, keeps the word of a key that it knows on its disk and sends it as "
        f"soon as the link is open, for {kept_s:.0f} s of site time from when it was given; what "
        "the site does not have by then is DROPPED. In a longer outage give it again when the link "
        "is open; `lunaredge link` shows the countdown"
    )


def _link(earth: View) -> str:
    """Say how the link is, by the Earth station's view."""
    try:
        row = _earth_decoder.decode(earth.rows)[0]
    except (*MALFORMED, IndexError):
        return "how the link is can't be read from what the Earth station shows"
    link = f"the link is {LINK_WORDS.get(row.state, row.state)}"
    if row.state == "open" or row.countdown_s is None:
        return link
    return f"{link}, the next contact begins in {row.countdown_s:.0f} s"


def load(options: argparse.Namespace, *, signs: bool) -> Client:
    """Read the settings that the options name."""
    return load_client(options.config, signs=signs)


def age_s(client: Client, site_ns: int) -> float:
    """Give how old something is, seconds of site time."""
    return (client.identity.clock.now_ns() - site_ns) / NS_PER_S
