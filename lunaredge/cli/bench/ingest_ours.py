"""Our side of `bench ingest`: packed columns in a signed frame, through the production code."""

from pathlib import Path

from lunaredge.cli.bench.ingest import CHANNELS, draw_batches
from lunaredge.ids import BootId, NodeId
from lunaredge.node import Archive, Effect, Erase, Persist
from lunaredge.runtime.store import Store
from lunaredge.scheduler.config import SchedulerConfig
from lunaredge.scheduler.ingest import Ingest
from lunaredge.scheduler.node import SchedulerNode
from lunaredge.sim.scenario import Keys, small
from lunaredge.wire import codec, messages, records, topics

NODE = NodeId("rover-1")
BOOT = BootId(1 << 24)
SCENARIO = small()
KEYS = Keys(SCENARIO.fleet)
NOW_NS = SCENARIO.start_ns


def payloads() -> list[bytes]:
    """Give the frames of every batch."""
    return [
        _frame(
            number,
            messages.Upload(
                record_class=messages.RecordClass.RAW,
                boot=BOOT,
                first_seq=number,
                seq=number,
                floor_seq=1,
                count=len(batch.rows),
                dropped=False,
                record=records.encode_record(
                    records.pack_telemetry(batch.times_ns[0], batch.times_ns, batch.rows)
                ),
            ),
        )
        for number, batch in enumerate(draw_batches(), start=1)
    ]


class Archiver:
    """What ingest must do and nothing else."""

    def __init__(self, folder: Path) -> None:
        self._store = Store.open(folder / "ours.sqlite")
        self._ingest = Ingest()

    def take(self, payloads: list[bytes]) -> None:
        """Decode, check and commit."""
        effects: list[Effect] = []
        for payload in payloads:
            received = codec.decode(payload, KEYS.keyring)
            assert isinstance(received.body, messages.Upload)
            effects += self._ingest.take(NODE, received.body, NOW_NS).effects
        _commit(self._store, effects)

    def stored(self) -> tuple[int, float]:
        """Read everything back."""
        return _stored(self._store)

    def close(self) -> None:
        """Close the store."""
        self._store.close()


class Scheduler:
    """The whole scheduler, which knows the node from its birth."""

    def __init__(self, folder: Path) -> None:
        self._store = Store.open(folder / "scheduler.sqlite")
        self._node = SchedulerNode(
            SchedulerConfig(site=SCENARIO.site.name),
            SCENARIO.site,
            SCENARIO.fleet,
            BootId(1),
            signer=KEYS.signer(topics.SCHEDULER),
            keyring=KEYS.keyring,
        )
        self._topic = topics.build(SCENARIO.site.name, NODE, "up", "raw")
        self._node.restore((), NOW_NS)
        birth = topics.build(SCENARIO.site.name, NODE, "node")
        self._node.receive(birth, _frame(1, _birth()), NOW_NS)
        _commit(self._store, self._node.take_effects())

    def take(self, payloads: list[bytes]) -> None:
        """Hand the payloads to the node and carry out what it wants written."""
        for payload in payloads:
            self._node.receive(self._topic, payload, NOW_NS)
        _commit(self._store, self._node.take_effects())

    def stored(self) -> tuple[int, float]:
        """Read everything back."""
        assert not self._node.refused, self._node.refused
        return _stored(self._store)

    def close(self) -> None:
        """Close the store."""
        self._store.close()


def _frame(number: int, body: messages.Message) -> bytes:
    header = codec.Header(
        node=NODE,
        boot=BOOT,
        number=number,
        local_ns=number,
        site_ns=NOW_NS,
        clock_error_ns=0,
    )
    return codec.encode(header, body, KEYS.signer(NODE))


def _birth() -> messages.Birth:
    situation = messages.Situation(
        state="unproven",
        autonomy=messages.Autonomy.A0,
        x_m=10.0,
        y_m=10.0,
        heading_rad=0.0,
        pose_error_m=0.1,
        at_rest=True,
        brake_ratio=1.0,
        battery_wh=1000.0,
        payload_kg=0.0,
        authority=None,
        task=None,
        attempt=0,
        progress_ratio=0.0,
        stops=(),
        held=False,
        epoch=0,
        spool_count=0,
        refused={},
        produced={},
        dropped={},
    )
    channels = tuple(messages.Channel(name=name, unit="1") for name in CHANNELS)
    return messages.Birth(kind="rover", channels=channels, situation=situation)


def _commit(store: Store, effects: list[Effect]) -> None:
    store.commit([e for e in effects if isinstance(e, Persist | Erase | Archive)])


def _stored(store: Store) -> tuple[int, float]:
    count, total = 0, 0.0
    for archived in store.archive_rows():
        record = records.decode_record(archived.record)
        assert isinstance(record, records.Telemetry)
        _, rows = records.unpack_telemetry(record)
        count += len(rows)
        total += sum(value for row in rows for value in row)
    return count, total
