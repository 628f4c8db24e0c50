"""The telemetry archive as a process: its core, its folder, its link."""

import secrets
from pathlib import Path

from lunaredge.archive.batches import warm_up
from lunaredge.archive.config import ArchiveConfig
from lunaredge.archive.node import ArchiveNode
from lunaredge.ids import SiteId
from lunaredge.model.fleet import Fleet
from lunaredge.runtime.archive.settings import ArchiveSettings
from lunaredge.runtime.archive.store import ArchiveStore
from lunaredge.runtime.clock import SiteClock
from lunaredge.runtime.files.fleet_file import load_fleet
from lunaredge.runtime.files.site_file import load_site
from lunaredge.runtime.keys import load_keyring, load_signer
from lunaredge.runtime.log import set_up_logging
from lunaredge.runtime.processes import BOOT_RANDOM_BITS, link_of, run_loop, run_until_asked
from lunaredge.runtime.runner import NodeRunner
from lunaredge.runtime.settings import beside
from lunaredge.runtime.site_settings import ArchiveProcessSettings
from lunaredge.units import ns_from_s


def run_archive(path: Path, settings: ArchiveProcessSettings) -> None:
    """Run the archive until it is asked to end.

    Raises:
        ConfigError: a file can't be used.
        StorageError: the folder can't be opened, or the disk stays full.
    """
    set_up_logging("archive", settings.log_level)
    run_loop(_archive(path, settings))


def archive_config(site: SiteId, fleet: Fleet, settings: ArchiveProcessSettings) -> ArchiveConfig:
    """Give what the core is told of an archive's settings."""
    return ArchiveConfig(
        site=site,
        limits={spec.name: spec.limits for spec in fleet.nodes},
        commit_period_ns=ns_from_s(settings.commit_period_s),
        ack_period_ns=ns_from_s(settings.ack_period_s),
        drain_uploads_per_s=settings.drain_uploads_per_s,
        under_way_max=settings.under_way_max,
        late_after_ns=ns_from_s(settings.late_after_s),
    )


async def _archive(path: Path, settings: ArchiveProcessSettings) -> None:
    site = load_site(beside(path, settings.site_file))
    fleet = load_fleet(beside(path, settings.fleet_file), site)
    keys = beside(path, settings.keys)
    signer, keyring = load_signer(keys, "archive"), load_keyring(keys)
    kept = ArchiveSettings(
        raw_days=settings.raw_days,
        minutes_days=settings.minutes_days,
        raw_bytes_max=settings.raw_bytes_max,
    )
    store = ArchiveStore.open(beside(path, settings.store), kept)
    try:
        # A link that waits for a compiler loses its broker.
        warm_up()
        boot = store.next_boot(secrets.randbits(BOOT_RANDOM_BITS))
        config = archive_config(site.name, fleet, settings)
        node = ArchiveNode(config, boot, signer=signer, keyring=keyring)
        runner = NodeRunner(node, store, SiteClock(settings.clock.anchor()))
        link = link_of(settings.broker.link(), "archive", node, runner)
        await run_until_asked(runner, runner.run(link))
    finally:
        store.close()
