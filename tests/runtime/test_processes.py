"""The agent's process as a board runs it: started, ended, killed, started again."""

import asyncio
import os
import signal
import subprocess
import sys

import pytest

from lunaredge.runtime.keys import load_keyring, make_keys
from lunaredge.runtime.mqtt import LinkSettings, MqttLink
from lunaredge.runtime.tasks import end_tasks
from lunaredge.wire.codec import decode
from lunaredge.wire.messages import Birth, Farewell
from lunaredge.wire.seal import Role

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
