"""Whatever comes over MQTT to a real process is counted, told once a source, and survived."""

import asyncio
import contextlib
import re
import zlib

import aiomqtt
import msgspec
import pytest

from lunaredge.ids import BootId, NodeId, TaskId
from lunaredge.runtime.client import SiteClient, new_request
from lunaredge.runtime.client_settings import load_client
from lunaredge.runtime.keys import load_signer
from lunaredge.wire import codec, messages
from lunaredge.wire.frame import Frame
from lunaredge.wire.messages import RecordClass
from tests.system.site_run import Run, prepare_tiny_site, rows, until

pytestmark = pytest.mark.slow

BASE = "lunaredge/v1/tiny"
# Each payload is sent as often; a log that grew with it would be the attacker's to fill.
REPEATS = 3
# Where each process listens; the last one on Earth's own broker.
TARGETS = {
    "scheduler": ("dc-1/node", "dc-1/ask", "dc-1/reply", "dc-1/up/event", "scheduler/ack"),
    "archive": ("dc-1/up/raw", "dc-1/birth", "archive/ack", "archive/request/operator-mari"),
    "agent-dc-1": ("dc-1/cmd", "dc-1/ack", "all/stop"),
    "gateway": ("scheduler/up/event", "operator/reply/earth"),
    "earth": ("scheduler/request/operator-mari",),
}
GARBAGE = (b"", bytes(range(256)), b"\x91" * 5000)
REASONS = {"garbage", "version", "checksum", "signature", "oversized"}
# Who can tell that what was sent again is old. An agent answers a repeated command as it did first.
REPLAYED = {"scheduler": REPEATS, "gateway": REPEATS}


def hostile(frame: bytes) -> list[bytes]:
    """Give what nobody honest sends: noise, and one genuine frame broken in every way."""
    genuine = msgspec.msgpack.decode(frame, type=Frame)
    spoiled = genuine.header[:-1] + bytes([genuine.header[-1] ^ 1])
    forged = bytes(64)
    crc = zlib.crc32(genuine.header + genuine.body + forged)
    broken = [
        msgspec.structs.replace(genuine, version=99),
        msgspec.structs.replace(genuine, header=spoiled),
        msgspec.structs.replace(genuine, signature=forged, crc=crc),
    ]
    cut_short = frame[: len(frame) // 2]
    too_large = bytes(10_000_000)
    return [*GARBAGE, cut_short, *map(msgspec.msgpack.encode, broken), too_large]


def signed(run: Run, key: str) -> bytes:
    """Give a sound frame of one of the site's keys."""
    now_ns = run.site.client.identity.clock.now_ns()
    header = codec.Header(
        node=NodeId(key), boot=BootId(1), number=1, local_ns=now_ns, site_ns=now_ns
    )
    body = messages.RecordAck(record_class=RecordClass.EVENT, boot=BootId(1), through_seq=0)
    return codec.encode(header, body, load_signer(run.site.folder / "keys", key))


def refusals(log: str) -> list[tuple[str, str]]:
    """Give (source, reason) of every refusal that a process logged."""
    lines = [line for line in log.splitlines() if ".refused " in line]
    found = [dict(re.findall(r"(source|reason)=(\S+)", line)) for line in lines]
    return [(one["source"], one["reason"]) for one in found]


def talker(port: int) -> aiomqtt.Client:
    return aiomqtt.Client("127.0.0.1", port, protocol=aiomqtt.ProtocolVersion.V311)


async def attack(port: int, paths: tuple[str, ...], payloads: list[bytes]) -> None:
    """Send it all on each topic; a broker that shows the attacker out has him back."""
    left = [(path, payload) for path in paths for payload in payloads]
    while left:
        with contextlib.suppress(aiomqtt.MqttError):
            async with talker(port) as client:
                while left:
                    path, payload = left[-1]
                    for _ in range(REPEATS):
                        await client.publish(f"{BASE}/{path}", payload, qos=1)
                    left.pop()


async def replay(port: int, run: Run) -> set[str]:
    """Send again what was overheard, until there is nothing new; give the topics."""
    heard: dict[str, bytes] = {}
    async with talker(port) as client:
        await client.subscribe(f"{BASE}/#", qos=1)
        async with asyncio.timeout(20):
            async for message in client.messages:
                heard.setdefault(message.topic.value.removeprefix(f"{BASE}/"), message.payload)
                if {"dc-1/node", "dc-1/ack", "dc-1/up/raw", "archive/up/summary"} <= heard.keys():
                    break
    for path, payload in heard.items():
        await attack(port, (path,), [payload])
    return set(heard)


async def test_hostile_payloads_are_counted_told_once_a_source_and_survived(tmp_path):
    run = Run(prepare_tiny_site(tmp_path))
    on_earth = load_client(run.site.folder / "operator-on-earth.toml", signs=True)
    site_port, earth_port = run.site.client.broker.port, on_earth.broker.port
    try:
        await run.start("broker", "earth-broker", *TARGETS)
        for process in TARGETS:
            await run.told(process, "broker.connected")
        await run.told("scheduler", "node.censused")
        async with (
            run.client("site", "nodes", "link", "intake") as eye,
            SiteClient(on_earth.broker, on_earth.identity, ("earth",)) as far_eye,
        ):
            assert "archive/up/summary" in await replay(site_port, run)
            payloads = hostile(signed(run, "gateway"))
            for process, paths in TARGETS.items():
                await attack(earth_port if process == "earth" else site_port, paths, payloads)
            await check_counts(eye, far_eye)
            await check_still_at_work(run, eye)
        for process, paths in TARGETS.items():
            check_log(refusals(run.log(process)), paths)
        assert not run.supervisor.failures()
    finally:
        await run.stop()


async def check_counts(eye: SiteClient, far_eye: SiteClient) -> None:
    """Wait until each process shows all that was sent to it among what it refused."""
    views = {"scheduler": (eye, "site"), "gateway": (eye, "link"), "earth": (far_eye, "earth")}
    views |= {"archive": (eye, "intake")}
    for process, paths in TARGETS.items():
        owed = {reason: REPEATS * len(paths) for reason in REASONS}
        owed["garbage"] *= len(GARBAGE) + 1
        owed["repeated"] = REPLAYED.get(process, 0)
        watched, view = views.get(process, (eye, "nodes"))
        await until(lambda: covers(watched, view, owed))  # noqa: B023 (awaited within the turn)


def covers(eye: SiteClient, view: str, owed: dict[str, int]) -> bool:
    shown = [row for row in rows(eye, view) if row.get("node", "dc-1") in ("", "dc-1")]
    counts = shown[0]["refused"] if shown else {}
    return all(counts.get(reason, 0) >= count for reason, count in owed.items())


async def check_still_at_work(run: Run, eye: SiteClient) -> None:
    question = messages.Explain(request=new_request(), task=TaskId("none"))
    assert "no task or node none" in (await eye.ask(question)).text
    asked_ns = run.site.client.identity.clock.now_ns()
    await until(lambda: eye.latest["nodes"].site_ns > asked_ns)
    assert next(row for row in rows(eye, "nodes") if row["node"] == "dc-1")["presence"] == "up"


def check_log(found: list[tuple[str, str]], paths: tuple[str, ...]) -> None:
    assert len(found) == len(set(found)), "a source was told of twice for one reason"
    for path in paths:
        base = "/".join(path.split("/")[:2])
        told = {reason for source, reason in found if base in source}
        assert told >= REASONS, (path, found)
