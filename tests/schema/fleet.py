"""Machines on a real broker, as far as their telemetry goes: each type; full, sparse, still."""

import asyncio
import random
import struct

from lunaredge.ids import BootId, KeyId, NodeId, SiteId
from lunaredge.runtime.broker import Broker
from lunaredge.runtime.mqtt import LinkSettings, MqttLink, MqttVersion
from lunaredge.wire import codec, messages, telemetry, topics
from lunaredge.wire.messages import RebirthRequest, RecordClass, StreamBirth, Upload
from lunaredge.wire.records import Alarm, Record, encode_record
from lunaredge.wire.seal import Keyring, Role, Sealer, Signer
from lunaredge.wire.telemetry import Channel, Dtype, Samples, Series

SITE = SiteId("yard")
START_NS = 1_831_377_600_123_456_789
ARCHIVE = Signer(KeyId("archive"), Role.ARCHIVE, b"a" * 32)
# Of each type what is easily got wrong: the ends, a step beyond what a double has, next to nothing.
ENDS: dict[Dtype, tuple[float, ...]] = {
    Dtype.F4: (0.0, -1.5, 1.401298464324817e-45, telemetry.FLOAT32_MAX),
    Dtype.F8: (0.1, -2.5e-310, 1.7976931348623157e308, 1e15 + 0.3),
    Dtype.I4: (-(2**31), 2**31 - 1, 0, -1),
    Dtype.I8: (-(2**63), 2**63 - 1, 2**53 + 1, -(2**53) - 1),
    Dtype.U1: (0, 255, 1, 128),
}
TABLE = tuple(
    Channel(name=f"{dtype.value}.{kind}", unit=unit, dtype=dtype)
    for dtype in Dtype
    for kind, unit in (("full", "Wh"), ("sparse", "m/s"), ("still", ""))
)
OTHER_TABLE = (Channel(name="motor_c", unit="degC"), *TABLE[5:2:-1])

Value = tuple[str, str, str, int, float | None]


class Machine:
    """A node, as far as its telemetry goes: what it says, and what it has said."""

    def __init__(self, name: str, channels: tuple[Channel, ...], rng: random.Random) -> None:
        self.name = NodeId(name)
        self.channels = channels
        self.said: list[Value] = []
        self.asked = 0
        self._signer = Signer(KeyId(name), Role.NODE, name.encode().ljust(32, b"."))
        self._tagger = self._signer.tagger(ARCHIVE.public)
        self._rng = rng
        self._seq = 0

    def topic(self, channel: str, detail: str = "") -> str:
        return topics.build(SITE, self.name, channel, detail)

    def birth(self) -> bytes:
        number = telemetry.table_of(self.channels)
        return self._frame(StreamBirth(table=number, channels=self.channels), self._signer)

    def batch(self, row_count: int) -> bytes:
        """Give an upload of so many rows: full, sparse and still channels, and blanks."""
        start_ns = START_NS + 10**9 * self._seq
        times_ns = sorted(start_ns + self._rng.randrange(10**9) for _ in range(row_count))
        series = [self._series(channel, row_count) for channel in self.channels]
        places = [(row, k) for row in range(row_count) for k in range(len(self.channels))]
        blanks = sorted(self._rng.sample(places, min(2, len(places))))
        for (rows, values), channel in zip(series, self.channels, strict=True):
            for row, value in zip(rows, values, strict=True):
                self._note(channel, times_ns[row], as_stored(channel.dtype, value))
        for row, index in blanks:
            self._note(self.channels[index], times_ns[row], None)
        batch = telemetry.pack(
            self.channels, Samples(times_ns, series, blanks), (start_ns, start_ns + 10**9)
        )
        return self.upload(RecordClass.RAW, batch, self._tagger)

    def alarm(self) -> bytes:
        alarm = Alarm(site_ns=START_NS, code="hot", text="too hot", active=True)
        return self.upload(RecordClass.ALARM, alarm, self._signer)

    def upload(self, record_class: RecordClass, record: Record, sealer: Sealer | None) -> bytes:
        self._seq += 1
        upload = Upload(
            record_class=record_class,
            boot=BootId(1),
            first_seq=self._seq,
            seq=self._seq,
            floor_seq=1,
            count=1,
            dropped=False,
            record=encode_record(record),
        )
        return self._frame(upload, sealer)

    def _series(self, channel: Channel, row_count: int) -> Series:
        count = {"full": row_count, "still": 0}.get(channel.name.split(".")[-1], row_count // 3)
        rows = sorted(self._rng.sample(range(row_count), count))
        return Series(rows, [self._rng.choice(ENDS[channel.dtype]) for _ in rows])

    def _note(self, channel: Channel, time_ns: int, value: float | None) -> None:
        self.said.append((self.name, channel.name, channel.unit, time_ns, value))

    def _frame(self, body: messages.Message, sealer: Sealer | None) -> bytes:
        header = codec.Header(
            node=self.name, boot=BootId(1), number=self._seq, local_ns=0, site_ns=START_NS
        )
        return codec.encode(header, body, sealer)


class Fleet:
    """Machines on a broker; each answers a request for its table."""

    def __init__(self, broker: Broker, *machines: Machine) -> None:
        self.machines = {machine.topic("rebirth"): machine for machine in machines}
        self._connected = asyncio.Event()
        settings = LinkSettings(
            host=broker.settings.host, port=broker.settings.port, protocol=MqttVersion.V5
        )
        self.link = MqttLink(settings, "fleet", [*self.machines], self)

    async def connected(self) -> None:
        await asyncio.wait_for(self._connected.wait(), 20)

    def on_message(self, topic: str, payload: bytes) -> None:
        machine = self.machines[topic]
        assert isinstance(codec.decode(payload, Keyring({})).body, RebirthRequest)
        machine.asked += 1
        self.link.publish(machine.topic("birth"), machine.birth(), retain=True)

    def on_connected(self) -> None:
        self._connected.set()

    def on_disconnected(self) -> None:
        self._connected.clear()


def as_stored(dtype: Dtype, value: float) -> float:
    return float(struct.unpack("<f", struct.pack("<f", value))[0]) if dtype is Dtype.F4 else value
