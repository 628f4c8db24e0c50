"""An archive with everybody around it played by hand: real frames, real keys, no threads.

`Books.send` speaks as a node, `Books.wait` lets time pass; `Books.kept` is what the archive has had
written, `Books.restart` begins another life on it.
"""

from collections.abc import Sequence

import msgspec

from lunaredge.archive.config import ArchiveConfig
from lunaredge.archive.node import ArchiveNode
from lunaredge.ids import BootId, KeyId, NodeId, SiteId
from lunaredge.node import Effect, Erase, Keep, KeepKind, Persist, Publish
from lunaredge.sim.disk import Disk
from lunaredge.units import NS_PER_S
from lunaredge.wire import codec, messages, telemetry, topics
from lunaredge.wire.messages import RecordAck, RecordClass, StreamBirth, Upload
from lunaredge.wire.records import Dropped, Record, encode_record
from lunaredge.wire.seal import Keyring, Role, Sealer, Signer
from lunaredge.wire.telemetry import Channel, Samples, Series, Telemetry

SITE = SiteId("yard")
DOZER = NodeId("dozer-1")
ROVER = NodeId("rover-1")
BOOT = BootId(1 << 24)
START_NS = 1_831_377_600 * NS_PER_S
CHANNELS = (Channel(name="battery_wh", unit="Wh"), Channel(name="slip_ratio", unit="ratio"))


def key(name: str, role: Role) -> Signer:
    return Signer(KeyId(name), role, name.encode().ljust(32, b"."))


def batch(
    start_ns: int, values: Sequence[float], channels: tuple[Channel, ...] = CHANNELS
) -> Telemetry:
    """Give a second for each value of the first channel; the others say nothing."""
    times_ns = [start_ns + k * NS_PER_S for k in range(len(values))]
    series = [Series(range(len(values)), values), *(Series([], []) for _ in channels[1:])]
    span_ns = (start_ns, start_ns + max(1, len(values)) * NS_PER_S)
    return telemetry.pack(channels, Samples(times_ns, series, []), span_ns)


def upload(seq: int, record: Record, count: int, **changed: object) -> Upload:
    """Give an upload of samples; its sender holds nothing older than it."""
    fields: dict[str, object] = {
        "record_class": RecordClass.RAW,
        "boot": BOOT,
        "first_seq": seq,
        "seq": seq,
        "floor_seq": seq,
        "count": count,
        "dropped": False,
        "record": encode_record(record),
    }
    return Upload(**{**fields, **changed})


def marker(first_seq: int, seq: int, count: int, record: Dropped, **changed: object) -> Upload:
    return upload(seq, record, count, first_seq=first_seq, dropped=True, **changed)


class Books:
    def __init__(self, **settings: object) -> None:
        """An archive of two nodes; ``settings`` are its own."""
        self.config = ArchiveConfig(site=SITE, **settings)
        self.now_ns = START_NS
        self.signer = key("archive", Role.ARCHIVE)
        self.signers = {
            name: key(name, role)
            for name, role in (
                (DOZER, Role.NODE),
                (ROVER, Role.NODE),
                ("scheduler", Role.SCHEDULER),
                ("gateway", Role.GATEWAY),
                ("operator-mari", Role.OPERATOR),
            )
        }
        everybody = (*self.signers.values(), self.signer)
        self.keyring = Keyring({signer.key_id: signer.public for signer in everybody})
        self.disk = Disk()
        self.lives = 0
        self.numbers = 0
        self.published: list[tuple[str, messages.Message]] = []
        self.archive = self.restart()

    @property
    def kept(self) -> list[Keep]:
        return self.disk.kept

    def restart(self) -> ArchiveNode:
        """Begin a life on what is on the disk."""
        self.lives += 1
        self.archive = ArchiveNode(
            self.config, BootId(self.lives), signer=self.signer, keyring=self.keyring
        )
        self.archive.restore(self.disk.rows(), self.now_ns)
        self.archive.connected(self.now_ns)
        self.carry_out()
        return self.archive

    def carry_out(self) -> None:
        for effect in self.archive.take_effects():
            if isinstance(effect, Persist | Erase | Keep):
                self.disk.commit([effect])
            else:
                self.note(effect)

    def note(self, effect: Effect) -> None:
        """Note what is published."""
        if isinstance(effect, Publish):
            body = codec.decode(effect.payload, self.keyring).body
            self.published.append((effect.topic, body))

    def wait(self, duration_s: float) -> None:
        """Let time pass, waking the archive whenever it asks for it."""
        end_ns = self.now_ns + round(duration_s * NS_PER_S)
        while self.now_ns < end_ns:
            wakeup_ns = self.archive.wakeup_ns()
            self.now_ns = min(end_ns, max(wakeup_ns or end_ns, self.now_ns + NS_PER_S // 100))
            self.archive.tick(self.now_ns)
            self.carry_out()

    def frame(self, body: messages.Message, sealer: Sealer, **header: object) -> bytes:
        self.numbers += 1
        fields: dict[str, object] = {
            "node": NodeId(sealer.key_id),
            "boot": BOOT,
            "number": self.numbers,
            "local_ns": self.now_ns,
            "site_ns": self.now_ns,
            "clock_error_ns": 0,
        }
        return codec.encode(codec.Header(**{**fields, **header}), body, sealer)

    def tagger(self, node: NodeId) -> Sealer:
        tagger = self.signers[node].tagger(self.signer.public)
        assert tagger is not None
        return tagger

    def hear(self, topic: str, payload: bytes) -> None:
        self.archive.receive(topic, payload, self.now_ns)
        self.carry_out()

    def send(self, sent: Upload, node: NodeId = DOZER, topic_node: NodeId | None = None) -> None:
        """Send an upload as a node does, tagged for the archive."""
        topic = topics.build(SITE, topic_node or node, "up", sent.record_class.value)
        self.hear(topic, self.frame(sent, self.tagger(node), boot=sent.boot))

    def announce(
        self,
        node: NodeId = DOZER,
        channels: tuple[Channel, ...] = CHANNELS,
        held: tuple[messages.Held, ...] = (),
        boot: BootId = BOOT,
        table: int | None = None,
    ) -> None:
        """Announce a channel table."""
        number = telemetry.table_of(channels) if table is None else table
        birth = StreamBirth(table=number, channels=channels, held=held)
        topic = topics.build(SITE, node, "birth")
        self.hear(topic, self.frame(birth, self.signers[node], boot=boot))

    def samples(self, seq: int, *values: float, ago_s: float = 0.0, **changed: object) -> Upload:
        """Give an upload of values that end that long ago."""
        start_ns = self.now_ns - round(ago_s * NS_PER_S) - len(values) * NS_PER_S
        return upload(seq, batch(start_ns, values), len(values), **changed)

    def acks(self, node: NodeId = DOZER) -> list[RecordAck]:
        topic = topics.build(SITE, node, "ack")
        return [body for at, body in self.published if at == topic and isinstance(body, RecordAck)]

    def of_kind(self, kind: KeepKind) -> list[Keep]:
        return [keep for keep in self.kept if keep.kind is kind]

    def intake_row(self, node: str = DOZER) -> dict[str, object]:
        """Give the newest row of the intake's view."""
        self.wait(31)
        views = [body for _, body in self.published if isinstance(body, messages.View)]
        rows: list[dict[str, object]] = msgspec.json.decode(views[-1].rows)
        return next(row for row in rows if row["node"] == node)
