"""The processes that know the site's ground: the scheduler and the simulated machines."""

import asyncio
import secrets
import signal
from pathlib import Path
from typing import cast

from lunaredge.ids import SiteId
from lunaredge.machine.world import World
from lunaredge.node import Level
from lunaredge.runtime.clock import SiteClock
from lunaredge.runtime.files.contact_file import load_contacts
from lunaredge.runtime.files.fleet_file import load_fleet
from lunaredge.runtime.files.site_file import load_site
from lunaredge.runtime.keys import load_keyring, load_signer
from lunaredge.runtime.lock import StoreLock, refuse_network_disk
from lunaredge.runtime.log import log_event, set_up_logging
from lunaredge.runtime.machines import MachinesServer
from lunaredge.runtime.machines import MachinesSettings as ServerSettings
from lunaredge.runtime.processes import (
    BOOT_RANDOM_BITS,
    link_of,
    run_loop,
    run_until_asked,
)
from lunaredge.runtime.runner import Hooks, NodeRunner
from lunaredge.runtime.settings import beside, beside_address
from lunaredge.runtime.site_settings import (
    MachinesSettings,
    SchedulerSettings,
)
from lunaredge.runtime.solver import Solver
from lunaredge.runtime.space_link import SpaceLink, SpaceLinkOptions
from lunaredge.runtime.standby import Standby
from lunaredge.runtime.store import Store
from lunaredge.runtime.tasks import end_tasks
from lunaredge.scheduler.candidates import PlacementProblem
from lunaredge.scheduler.config import SchedulerConfig
from lunaredge.scheduler.node import SchedulerNode
from lunaredge.scheduler.solve import Problem, Solution, solve, unsolved, warm_up
from lunaredge.units import ns_from_s
from lunaredge.wire.messages import OnLoss

# So soon after a change, on the clock of whoever looks, the views show it.
VIEW_GAP_WALL_S = 1.0
_NEW_BOOKS = "no store was there: this scheduler knows nothing of an earlier one; check the path"
_ONE_LEADS = "one scheduler leads: stop that one, or start this one with --standby to follow it"


def run_scheduler(path: Path, settings: SchedulerSettings, *, standby: bool = False) -> None:
    """Run the scheduler until it is asked to end; a standby leads once nobody else does.

    Raises:
        ConfigError: a file can't be used.
        StorageError: the store can't be opened, or the disk stays full.
    """
    set_up_logging("scheduler", settings.log_level)
    run_loop(_scheduler(path, settings, standby=standby))


async def _scheduler(path: Path, settings: SchedulerSettings, *, standby: bool) -> None:
    site = load_site(beside(path, settings.site_file))
    fleet = load_fleet(beside(path, settings.fleet_file), site)
    keys = beside(path, settings.keys)
    signer, keyring = load_signer(keys, "scheduler"), load_keyring(keys)
    config = scheduler_config(site.name, settings)
    store_path = beside(path, settings.store)
    refuse_network_disk(store_path)
    if standby:
        _warm_up()
        clock = SiteClock(settings.clock.anchor())
        waiting = Standby(site.name, store_path, clock, signer=signer, keyring=keyring)
        lock = await waiting.wait(settings.broker.link())
        if lock is None:
            return
        store = Store.open(store_path, lock=lock)
    else:
        is_new = not store_path.exists()
        store = Store.open(store_path, lock=StoreLock.take(store_path, _ONE_LEADS))
        if is_new:
            log_event(Level.WARNING, "store.new", {"store": store_path, "hint": _NEW_BOOKS})
        _warm_up()
    boot = store.next_boot(secrets.randbits(BOOT_RANDOM_BITS))
    node = SchedulerNode(config, site, fleet, boot, signer=signer, keyring=keyring)
    await _lead(node, store, settings)


def _warm_up() -> None:
    """Compile the kernels before the lead is taken: no plan and no route waits for a compiler."""
    hint = "5 to 8 minutes on two cores, once; seconds after that"
    log_event(Level.INFO, "kernels.warming", {"hint": hint})
    warm_up()


def scheduler_config(site: SiteId, settings: SchedulerSettings) -> SchedulerConfig:
    """Give what the core is told of a scheduler's settings; a replay needs the same."""
    return SchedulerConfig(
        site=site,
        corridor_margin_m=settings.corridor_margin_m,
        authority_lifetime_ns=ns_from_s(settings.authority_lifetime_s),
        authority_ahead_ns=ns_from_s(settings.authority_ahead_s),
        on_loss=OnLoss(settings.on_loss),
        home_lifetime_ns=ns_from_s(settings.home_lifetime_s),
        clock_error_ns=ns_from_s(settings.clock_error_s),
        command_expiry_ns=ns_from_s(settings.command_expiry_s),
        command_resend_ns=ns_from_s(settings.command_resend_s),
        lost_after_ns=ns_from_s(settings.lost_after_s),
        archive_silent_ns=ns_from_s(settings.archive_silent_s),
        park_after_ns=ns_from_s(settings.park_after_s),
        checkpoint_entries=settings.checkpoint_entries,
        view_gap_ns=ns_from_s(VIEW_GAP_WALL_S * settings.clock.speed),
    )


async def _lead(node: SchedulerNode, store: Store, settings: SchedulerSettings) -> None:
    # By the wall clock of now: a standby may have waited for months.
    runner = NodeRunner(node, store, SiteClock(settings.clock.anchor()))

    def deliver(solution: Solution | None) -> None:
        runner.call(lambda now_ns: node.solved(solution, now_ns))

    def solved(problem: Problem) -> Solution | None:
        return solve(node.core.ctx.ground, problem)

    # Each has a thread of its own: no machine waits for its way because others' tasks are planned.
    router, planner = (Solver(solved, unsolved, deliver) for _ in range(2))

    def submit(problem: object) -> None:
        solver = planner if isinstance(problem, PlacementProblem) else router
        solver.submit(cast("Problem", problem))

    link = link_of(settings.broker.link(), "scheduler", node, runner)
    hooks = Hooks(solve=submit)
    try:
        await run_until_asked(runner, runner.run(link, hooks))
    finally:
        router.close()
        planner.close()
        store.close()


def run_machines(path: Path, settings: MachinesSettings) -> None:
    """Run the simulated machines until asked to end.

    Raises:
        ConfigError, StorageError, TransportError: as their messages say.
    """
    set_up_logging("machines", settings.log_level)
    run_loop(_machines(path, settings))


async def _machines(path: Path, settings: MachinesSettings) -> None:
    site = load_site(beside(path, settings.site_file))
    fleet = load_fleet(beside(path, settings.fleet_file), site)
    clock = SiteClock(settings.clock.anchor())
    world = World(site, fleet, settings.setpoint_lifetime_s, settings.seed, clock.now_ns())
    serving = ServerSettings(
        listen=beside_address(path, settings.listen),
        truth_folder=str(beside(path, settings.truth_folder)),
        sample_period_s=settings.sample_period_s,
    )
    server = MachinesServer(world, serving, clock.now_ns)
    space = _space(path, settings, clock)
    await server.start()
    if space is not None:
        await space.start()
    asked = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, asked.set)
    log_event(Level.INFO, "process.started", {"machines": len(world.names)})
    tasks = [asyncio.create_task(server.run()), asyncio.create_task(asked.wait())]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        failures = await end_tasks(tasks)
        await server.stop()
        if space is not None:
            log_event(Level.INFO, "space.counted", space.summary())
            await space.stop()
    for failure in failures:
        raise failure


def _space(path: Path, settings: MachinesSettings, clock: SiteClock) -> SpaceLink | None:
    part = settings.space
    if part is None:
        return None
    plan = load_contacts(beside(path, part.contacts_file)).plan
    options = SpaceLinkOptions(seed=settings.seed)
    return SpaceLink(plan, part.preset, (part.moon_port, part.earth_port), clock, options)
