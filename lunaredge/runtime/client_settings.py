"""Settings of a client: an operator's terminal, at the site or on Earth. TOML, then environment."""

import os
from pathlib import Path

import msgspec

from lunaredge.errors import ConfigError
from lunaredge.ids import ClientId, SiteId, is_name
from lunaredge.runtime.client import ClientIdentity
from lunaredge.runtime.clock import Anchor, SiteClock
from lunaredge.runtime.keys import load_keyring, load_signer
from lunaredge.runtime.mqtt import LinkSettings
from lunaredge.runtime.settings import convert

# Where a client looks for its settings when none are named.
ENVIRONMENT_FILE = "LUNAREDGE_CLIENT"
DEFAULT_FILE = Path("operator.toml")


class ClientFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the file holds."""

    site: SiteId
    """Name of the site."""
    name: ClientId
    """Name of the client; with a key, the key's name: ``operator-NAME``."""
    broker: LinkSettings
    """Where the broker is."""
    keys: str
    """Folder of the keys, relative to the file: public.json, and NAME.seed to sign with."""
    clock: Anchor = Anchor()
    """How site time runs; left out, site time is UTC."""


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """Settings ready for use."""

    file: Path
    """Where they were read, for messages."""
    broker: LinkSettings
    identity: ClientIdentity


def load_client(path: Path | None, *, signs: bool) -> Client:
    """Read a client's settings.

    Raises:
        ConfigError: the file or the keys it names can't be used.
    """
    found = path or Path(os.environ.get(ENVIRONMENT_FILE) or DEFAULT_FILE)
    settings = _read(found)
    for key, value in (("site", settings.site), ("name", settings.name)):
        if not is_name(value):
            raise ConfigError(
                "not a name",
                place=str(found),
                key=key,
                value=value,
                remedy="use lower-case letters, digits and hyphens",
            )
    keys = found.parent / settings.keys
    return Client(
        file=found,
        broker=settings.broker,
        identity=ClientIdentity(
            site=settings.site,
            client=settings.name,
            clock=SiteClock(settings.clock),
            keyring=load_keyring(keys),
            signer=load_signer(keys, settings.name) if signs else None,
        ),
    )


def _read(path: Path) -> ClientFile:
    # Unlike a path's own way to ask, this never raises.
    if not os.path.lexists(path):
        raise ConfigError(
            "there are no client settings",
            place=str(path),
            key="file",
            value=path.name,
            remedy=f"name a file with --config, or set {ENVIRONMENT_FILE}",
        )
    return convert(path, ClientFile)
