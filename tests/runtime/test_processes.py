"""The agent's process as a board runs it: started, ended, killed, started again."""

import asyncio
import os
import signal
import subprocess
import sys
import threading

import pytest

from lunaredge.node import Persist
from lunaredge.runtime.keys import load_keyring, make_keys
from lunaredge.runtime.mqtt import LinkSettings, MqttLink
from lunaredge.runtime.processes import agent_link
from lunaredge.runtime.runner import EFFECTS_HIGH, Hooks, NodeRunner
from lunaredge.runtime.tasks import end_tasks
from lunaredge.wire import topics
from lunaredge.wire.codec import decode
from lunaredge.wire.driver import Halt
from lunaredge.wire.messages import Birth, Farewell, Stop
from lunaredge.wire.seal import Role
from tests.agent.rig import OPERATOR_KEY, SITE, Rig

SETTINGS = """
store = "agent.db"
keys = "keys"
[agent]
site = "ridge"
node = "computer-1"
kind = "computer"
is_machine = false
slots = 1
birth_period_s = 0.5
[broker]
host = "127.0.0.1"
port = {port}
"""


class Site:
    """The agent's surroundings: a broker, its keys, and an ear on its topics."""

    def __init__(self, folder, broker, listener):
        self.file = folder / "agent.toml"
        self.file.write_text(SETTINGS.format(port=broker.settings.port))
        make_keys(folder / "keys", {"scheduler": Role.SCHEDULER, "computer-1": Role.NODE})
        self.keyring = load_keyring(folder / "keys")
        self.heard = listener
        settings = LinkSettings(host="127.0.0.1", port=broker.settings.port)
        self.ear = MqttLink(settings, "ear", ["lunaredge/v1/ridge/computer-1/#"], listener)

    def start(self):
        command = [sys.executable, "-m", "lunaredge", "agent", "--config", str(self.file)]
        return subprocess.Popen(command, stderr=subprocess.PIPE)

    async def hear(self, kind):
        async with asyncio.timeout(30):
            while True:
                _, payload = await self.heard.messages.get()
                received = decode(payload, self.keyring)
                if isinstance(received.body, kind):
                    return received


@pytest.fixture
async def site(tmp_path, running_mosquitto, listener):
    site = Site(tmp_path, running_mosquitto, listener)
    task = asyncio.create_task(site.ear.run())
    await asyncio.wait_for(listener.connected.wait(), 20)
    yield site
    await end_tasks([task])


async def ended(agent):
    _, words = await asyncio.to_thread(agent.communicate, None, 20)
    return agent.returncode, words.decode()


@pytest.mark.parametrize(("number", "expected"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
async def test_an_agent_asked_to_end_says_goodbye_and_ends_well(site, number, expected):
    agent = site.start()
    await site.hear(Birth)

    agent.send_signal(number)
    farewell = await site.hear(Farewell)
    code, words = await ended(agent)

    assert farewell.body.orderly
    assert code == expected
    assert "computer-1 process.stopped" in words
    assert "Traceback" not in words


async def test_a_killed_agent_comes_back_as_a_later_life(site):
    agent = site.start()
    first = await site.hear(Birth)
    agent.kill()
    await ended(agent)

    agent = site.start()
    farewell = await site.hear(Farewell)
    second = await site.hear(Birth)

    assert not farewell.body.orderly, "the broker's word"
    assert second.header.boot > first.header.boot
    agent.terminate()
    assert (await ended(agent))[0] == 0


async def test_a_second_agent_on_the_same_store_is_refused(site):
    agent = site.start()
    await site.hear(Birth)

    code, words = await ended(site.start())

    assert code == 3
    assert f"in use by process {agent.pid}" in words
    agent.terminate()
    await ended(agent)


async def test_an_agent_without_its_key_does_not_start(site):
    (site.file.parent / "keys" / "computer-1.seed").unlink()

    code, words = await ended(site.start())

    assert code == 2
    assert "computer-1.seed" in words
    assert "Traceback" not in words


class HeldStore:
    """A disk on which no write ends before it is let."""

    path, corrupt_count, written_bytes = "held", 0, 0

    def __init__(self):
        self.gate = threading.Event()

    def commit(self, writes):
        assert self.gate.wait(20)

    def rows(self):
        return iter(())


class Shell:
    """A driving agent in its shell, on a disk that doesn't answer and without a broker."""

    def __init__(self):
        self.rig = Rig()
        self.rig.drive_off()
        self.rig.run(5)
        self.speed, self.store, self.orders = 1.0, HeldStore(), []
        self.runner = NodeRunner(self.rig.node, self.store, self)
        farewell = self.rig.node.will(self.rig.now_ns)
        broker = LinkSettings(host="127.0.0.1", port=1)
        self.link = agent_link(self.rig.settings, broker, self.rig.node, self.runner, farewell)
        self.rig.node.restore = lambda rows, now_ns: None  # its life began above

    def now_ns(self):
        return self.rig.now_ns

    def fall_behind(self):
        writes = [Persist("t", "", number, b"") for number in range(EFFECTS_HIGH + 1)]
        for write in writes:
            self.rig.node._parts.outlet.add(write)
        self.runner.call(lambda now_ns: None)

    def hear(self, stop):
        payload = self.rig.frame(stop, OPERATOR_KEY, epoch=0, expiry_ns=0)
        self.link.take(topics.stop_all(SITE), payload)


async def test_a_stop_comes_through_while_a_slow_disk_holds_up_all_other_messages():
    shell = Shell()
    hooks = Hooks(actuate=shell.orders.append)
    running = asyncio.create_task(shell.runner.run(shell.link, hooks))
    await asyncio.sleep(0)
    shell.fall_behind()
    is_paused = shell.link._paused

    shell.hear(Stop(stop="stop-1", node=None, reason="a person in front"))
    orders = list(shell.orders)

    shell.store.gate.set()
    shell.runner.stop()
    await asyncio.wait_for(running, 20)
    assert is_paused
    assert orders[-1] == Halt()
    assert shell.rig.node._parts.stops.latched == ("stop-1",)


async def test_an_agent_reports_what_it_writes(site):
    with site.file.open("a") as settings:
        settings.write("[clock]\nspeed = 30.0\n")
    agent = site.start()
    # Births come each half a second of its clock: this is behind its first upkeep.
    for _ in range(20):
        await site.hear(Birth)

    agent.send_signal(signal.SIGTERM)
    _, words = await ended(agent)

    assert "flash.written bytes_day=" in words


def test_an_agents_process_loads_nothing_that_a_board_lacks():
    script = (
        "import sys, lunaredge.runtime.processes, lunaredge.runtime.settings;"
        "absent = {'amqtt', 'numba', 'numpy', 'pydantic', 'rich', 'textual', 'tifffile', 'yaml'};"
        "print(sorted(absent & set(sys.modules)))"
    )

    told = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=os.environ
    )

    assert told.stdout == "[]\n"
