"""The processes at the two ends of the Earth link: the gateway at the site, the station on Earth.

They need no kernels and load none: half a second and 80 MB less than the scheduler takes.
"""

import secrets
from pathlib import Path

from lunaredge.earth.desk import ApprovalPolicy
from lunaredge.earth.gateway import GatewayConfig, GatewayNode
from lunaredge.earth.outbox import OutboxConfig
from lunaredge.earth.station import EarthConfig, EarthNode
from lunaredge.runtime.clock import SiteClock
from lunaredge.runtime.files.contact_file import load_contacts
from lunaredge.runtime.keys import load_keyring, load_signer
from lunaredge.runtime.log import set_up_logging
from lunaredge.runtime.processes import BOOT_RANDOM_BITS, link_of, run_loop, run_until_asked
from lunaredge.runtime.runner import Hooks, NodeRunner
from lunaredge.runtime.settings import beside
from lunaredge.runtime.site_settings import EarthLinkSettings, EarthSettings, GatewaySettings
from lunaredge.runtime.space_link import LinkEnd
from lunaredge.runtime.store import Store
from lunaredge.units import ns_from_s

ANY_PORT_HERE = "127.0.0.1"


def run_gateway(path: Path, settings: GatewaySettings) -> None:
    """Run the gateway until it is asked to end.

    Raises:
        ConfigError, StorageError, TransportError: as their messages say.
    """
    set_up_logging("gateway", settings.log_level)
    run_loop(_gateway(path, settings))


async def _gateway(path: Path, settings: GatewaySettings) -> None:
    keys = beside(path, settings.keys)
    plan = load_contacts(beside(path, settings.contacts_file)).plan
    config = GatewayConfig(
        site=settings.site_id,
        preset=settings.preset,
        line=settings.line(),
        outbox=OutboxConfig(bytes_max=settings.outbox_bytes_max),
    )
    signer, keyring = load_signer(keys, "gateway"), load_keyring(keys)
    store = Store.open(beside(path, settings.store))
    boot = store.next_boot(secrets.randbits(BOOT_RANDOM_BITS))
    node = GatewayNode(config, plan, boot, signer, keyring)
    await _run_link_end(node, settings, store, "gateway")


def run_earth(path: Path, settings: EarthSettings) -> None:
    """Run the Earth station until it is asked to end.

    Raises:
        ConfigError, StorageError, TransportError: as their messages say.
    """
    set_up_logging("earth", settings.log_level)
    run_loop(_earth(path, settings))


async def _earth(path: Path, settings: EarthSettings) -> None:
    keys = beside(path, settings.keys)
    plan = load_contacts(beside(path, settings.contacts_file)).plan
    config = EarthConfig(
        site=settings.site_id,
        preset=settings.preset,
        line=settings.line(),
        approve=ApprovalPolicy(settings.approve),
        approve_delay_ns=ns_from_s(settings.approve_delay_s),
    )
    signer, keyring = load_signer(keys, "earth"), load_keyring(keys)
    store = Store.open(beside(path, settings.store))
    boot = store.next_boot(secrets.randbits(BOOT_RANDOM_BITS))
    node = EarthNode(config, plan, boot, signer, keyring)
    await _run_link_end(node, settings, store, "earth")


async def _run_link_end(
    node: GatewayNode | EarthNode, settings: EarthLinkSettings, store: Store, name: str
) -> None:
    """Run one end of the Earth link: broker on one side, datagrams on the other."""
    runner = NodeRunner(node, store, SiteClock(settings.clock.anchor()))
    link = link_of(settings.broker.link(), name, node, runner)
    end = LinkEnd(
        (ANY_PORT_HERE, 0),
        (settings.link_host, settings.link_port),
        lambda payload: runner.call(lambda now_ns: node.datagram(payload, now_ns)),
    )
    await end.start()
    try:
        await run_until_asked(runner, runner.run(link, Hooks(transmit=end.send)))
    finally:
        await end.stop()
        store.close()
