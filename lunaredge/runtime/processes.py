"""Each process of a site: store, core, link and runner wired together, and ended in good order.

The agent's wiring imports nothing that a board has not installed; the site's is in
`runtime.site_processes`, `runtime.link_processes` and `runtime.broker_process`.
"""

import asyncio
import secrets
import signal
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from lunaredge.agent.config import AgentConfig
from lunaredge.agent.node import AgentNode
from lunaredge.ids import BootId
from lunaredge.node import Level, Node, Publish
from lunaredge.runtime.clock import LocalClock
from lunaredge.runtime.keys import load_keyring, load_signer
from lunaredge.runtime.log import log_event, set_up_logging
from lunaredge.runtime.machine_driver import SocketMachine
from lunaredge.runtime.mqtt import LinkSettings, MqttLink, Will
from lunaredge.runtime.runner import Hooks, NodeRunner
from lunaredge.runtime.settings import AgentSettings, beside, beside_address
from lunaredge.runtime.store import Store
from lunaredge.runtime.tasks import end_tasks
from lunaredge.runtime.workloads import WorkloadDriver, WorkloadEnd
from lunaredge.wire import topics
from lunaredge.wire.driver import Hello, Sample
from lunaredge.wire.seal import Keyring, Signer

BOOT_RANDOM_BITS = 24


def run_agent(path: Path, settings: AgentSettings) -> None:
    """Run an agent until it is asked to end.

    Raises:
        ConfigError: keys or addresses can't be used.
        StorageError: the store can't be opened, or the disk stays full.
    """
    set_up_logging(settings.agent.node, settings.log_level)
    run_loop(_agent(path, settings))


async def _agent(path: Path, settings: AgentSettings) -> None:
    config = settings.agent
    # Everything that can be wrong is read before the store is made.
    keys = beside(path, settings.keys)
    signer, keyring = load_signer(keys, config.node), load_keyring(keys)
    machine = _machine(path, settings)
    store = Store.open(beside(path, settings.store))
    try:
        while (above := await _live(settings, store, (signer, keyring), machine)) is not None:
            store.raise_boots(above)
    finally:
        store.close()


async def _live(
    settings: AgentSettings,
    store: Store,
    keys: tuple[Signer, Keyring],
    machine: SocketMachine | None,
) -> BootId | None:
    """Run one life of the agent; give the boot above which it wants another, or None."""
    config = settings.agent
    boot = store.next_boot(secrets.randbits(BOOT_RANDOM_BITS))
    node = AgentNode(config, boot, *keys)
    clock = LocalClock(settings.clock.speed)
    runner = NodeRunner(node, store, clock)
    link = agent_link(config, settings.broker, node, runner, node.will(clock.now_ns()))
    workloads = WorkloadDriver(lambda end: _tell_end(runner, node, end), settings.clock.speed)
    hooks = Hooks(
        actuate=machine.order if machine is not None else None,
        start_workload=workloads.start,
        stop_workload=workloads.stop,
        written=node.written,
    )
    driving = []
    if machine is not None:
        driving.append(asyncio.create_task(machine.run(_Machine(runner, node))))
    try:
        asked = await run_until_asked(runner, runner.run(link, hooks), node.leave)
    finally:
        await end_tasks(driving)
        await workloads.close()
    return None if asked else runner.reborn_above


class _Machine:
    """Hands what the driver says to the core."""

    def __init__(self, runner: NodeRunner, node: AgentNode) -> None:
        self._runner = runner
        self._node = node

    def on_attached(self, hello: Hello) -> None:
        """Pass on that the controller answered."""
        self._runner.call(lambda now_ns: self._node.attached(hello, now_ns))

    def on_sample(self, sample: Sample) -> None:
        """Pass on what the machine measures."""
        self._runner.call(lambda now_ns: self._node.sense(sample, now_ns))

    def on_lost(self) -> None:
        """Pass on that the controller is out of reach."""
        self._runner.call(self._node.detached)


def _machine(path: Path, settings: AgentSettings) -> SocketMachine | None:
    if not settings.machine:
        return None
    return SocketMachine(beside_address(path, settings.machine), settings.agent.node)


def _tell_end(runner: NodeRunner, node: AgentNode, end: WorkloadEnd) -> None:
    runner.call(
        lambda now_ns: node.workload_ended(
            end.task, end.attempt, end.ok, end.result, end.reason, now_ns
        )
    )


def agent_link(
    config: AgentConfig, broker: LinkSettings, node: Node, runner: NodeRunner, farewell: Publish
) -> MqttLink:
    """Give the link of an agent: stops come through it whatever the rest waits for."""
    will = Will(topic=farewell.topic, payload=farewell.payload)
    urgent = topics.stop_all(config.site)
    return MqttLink(broker, str(config.node), node.subscriptions, runner, will, urgent=urgent)


def link_of(settings: LinkSettings, client_id: str, node: Node, runner: NodeRunner) -> MqttLink:
    """Give the link of a node, with the runner as its listener."""
    return MqttLink(settings, client_id, node.subscriptions, runner)


async def run_until_asked(
    runner: NodeRunner,
    running: Coroutine[object, object, None],
    leave: Callable[[int], None] | None = None,
) -> bool:
    """Run a runner until it ends or SIGTERM or SIGINT asks it to; ``leave`` is its last word.

    Tell whether it was asked.

    Raises:
        KeyboardInterrupt: it was SIGINT; everything is in good order all the same.
    """
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_tell_of_callback)
    asked: list[signal.Signals] = []

    def end(number: signal.Signals) -> None:
        # Asked again, it is on its way already, and says goodbye once.
        if leave is not None and not asked:
            runner.call(leave)
        asked.append(number)
        runner.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end, number)
    log_event(Level.INFO, "process.started", {"python": sys.version.split()[0]})
    await running
    log_event(Level.INFO, "process.stopped", {})
    if signal.SIGINT in asked:
        raise KeyboardInterrupt
    return bool(asked)


def _tell_of_callback(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log a socket that was gone before its callback's turn came as what it is: a lost link.

    The client asks for it to be watched from another thread; whoever was frozen finds it closed.
    """
    error = context.get("exception")
    if isinstance(error, OSError):
        log_event(Level.WARNING, "socket.gone", {"error": str(error)})
    else:
        loop.default_exception_handler(context)


def run_loop(main: Coroutine[object, object, None]) -> None:
    """Run a coroutine under uvloop where it is installed."""
    try:
        import uvloop
    except ImportError:
        asyncio.run(main)
    else:
        uvloop.run(main)
