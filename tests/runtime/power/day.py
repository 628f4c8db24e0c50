"""What a day of an agent takes of the medium's life, counted in three ways.

    python -m tests.runtime.power.day --hours 24 --case away

A real node on a real store, told a machine's samples by a clock moved by hand; what it wants
written is committed as the runner does it. Prints a line of JSON: the store's own count, the sum
and the blocks of all writes that SQLite made, and the kernel's count of this process.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from lunaredge.agent.config import AgentConfig
from lunaredge.agent.node import AgentNode
from lunaredge.node import Archive, Erase, Persist, Publish
from lunaredge.runtime.store import Store
from lunaredge.runtime.wal import BLOCK_BYTES
from lunaredge.units import NS_PER_S
from lunaredge.wire import codec, topics
from lunaredge.wire.messages import Message, TimeReply, TimeRequest, Upload
from tests.agent.rig import EVERYBODY, NODE, SITE, SITE_NS, config
from tests.agent.toy_machine import Machine
from tests.runtime.power.history import FolderSynced, History, Synced, Wrote
from tests.runtime.power.life import STORE, ack_frame, frame, new_node
from tests.runtime.power.station import Station
from tests.runtime.power.vfs import SqliteRecorder

CASES = ("reached", "away")
_WRITES = (Persist, Erase, Archive)
_START_NS = 1000 * NS_PER_S


class Day:
    """One agent through its day."""

    def __init__(self, store: Store, settings: AgentConfig, *, away: bool) -> None:
        self.now_ns = _START_NS
        self.uploads_left = 0
        self.node: AgentNode = new_node(store.next_boot(1), settings)
        self._store = store
        self._told_bytes = 0
        self._machine = Machine()
        self._station = Station()
        self.node.restore(store.rows(), self.now_ns)
        self.node.connected(self.now_ns)
        self._carry_out()
        if away:
            # Site time is known, and the broker gone from now on.
            self.node.disconnected(self.now_ns)

    def pass_time(self, duration_s: int, *, reports_per_hour: int) -> None:
        for second in range(0, duration_s, 5):
            self.now_ns += 5 * NS_PER_S
            self.node.sense(self._machine.sample(self.now_ns), self.now_ns)
            if reports_per_hour and second % (3600 // reports_per_hour) < 5:
                self._report(second)
            self._carry_out()

    def come_back(self) -> None:
        """Reach the broker again, and hand everything over."""
        self.node.connected(self.now_ns)
        self._carry_out()
        self.pass_time(600, reports_per_hour=0)

    def _report(self, second: int) -> None:
        """An alarm comes up, and goes away the next time; in between, an event."""
        recorder, turn = self.node._parts.recorder, second // 5 % 3
        if turn == 0:
            recorder.event("seen", f"at {second} s", self.now_ns)
        else:
            recorder.alarm("battery_low", f"{second} degrees", self.now_ns, active=turn == 1)

    def _carry_out(self) -> None:
        while effects := self.node.take_effects():
            writes = [effect for effect in effects if isinstance(effect, _WRITES)]
            if writes:
                self._store.commit(writes)
                size_bytes = self._store.written_bytes - self._told_bytes
                self._told_bytes += size_bytes
                self.node.written(size_bytes, self.now_ns)
            for effect in effects:
                if isinstance(effect, Publish):
                    self._answer(codec.decode(effect.payload, EVERYBODY).body)

    def _answer(self, body: Message) -> None:
        if isinstance(body, Upload):
            self.uploads_left += 1
            ack = ack_frame(self._station.take(body), self.now_ns)
            self.node.receive(topics.build(SITE, NODE, "ack"), ack, self.now_ns)
        elif isinstance(body, TimeRequest):
            site_ns = SITE_NS + body.local_ns
            self._tell(TimeReply(local_ns=body.local_ns, site_ns=site_ns), "cmd")

    def _tell(self, body: Message, channel: str) -> None:
        payload = frame(body, self.now_ns)
        self.node.receive(topics.build(SITE, NODE, channel), payload, self.now_ns)


def blocks(history: History) -> int:
    """Give the blocks that SQLite's writes touched, each once between two syncs, in bytes."""
    count, touched = 0, set()
    for op in history.ops:
        if isinstance(op, Wrote):
            begin, end = op.offset, op.offset + len(op.piece)
            numbers = range(begin // BLOCK_BYTES, -(-end // BLOCK_BYTES))
            touched |= {(op.file, number) for number in numbers}
        elif isinstance(op, Synced | FolderSynced):
            count, touched = count + len(touched), set()
    return (count + len(touched)) * BLOCK_BYTES


def kernel_bytes() -> int:
    """Give what the kernel says that this process has had written."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("write_bytes")))


def measured(options: argparse.Namespace, recorder: SqliteRecorder, folder: Path) -> dict[str, Any]:
    """Live through the time asked for, and give what it took."""
    history = History(folder)
    before_bytes = kernel_bytes()
    recorder.history = history
    store = Store.open(folder / STORE)
    settings = config(flash_bytes_per_day_max=options.budget_bytes)
    day = Day(store, settings, away=options.case == "away")
    day.pass_time(options.hours * 3600, reports_per_hour=options.reports_per_hour)
    told: dict[str, Any] = {
        "case": options.case,
        "hours": options.hours,
        "reports_per_hour": options.reports_per_hour,
        "store_bytes": store.written_bytes,
        "node_bytes_day": day.node.flash_bytes_day(day.now_ns),
        "recorded_bytes": history.written_bytes(),
        "recorded_block_bytes": blocks(history),
        "kernel_bytes": kernel_bytes() - before_bytes,
        "commits": sum(isinstance(op, Synced) for op in history.ops),
        "uploads_left": day.uploads_left,
        "spool_count": day.node._parts.spool.count,
        "spool_bytes": day.node._parts.spool.size_bytes,
    }
    if options.case == "away":
        day.come_back()
        told["return_bytes"] = store.written_bytes - told["store_bytes"]
        told["spool_count_after"] = day.node._parts.spool.count
    store.close()
    history.check()
    return told


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=int, default=24)
    parser.add_argument("--case", choices=CASES, default="reached")
    parser.add_argument("--reports-per-hour", type=int, default=0)
    parser.add_argument("--budget-bytes", type=int, default=67_108_864)
    options = parser.parse_args()
    try:
        recorder = SqliteRecorder()
    except OSError as exc:
        sys.stderr.write(f"{exc}; use a Python that is linked with the system's SQLite\n")
        return 3
    with tempfile.TemporaryDirectory(prefix="lunaredge-day-") as folder:
        told = measured(options, recorder, Path(folder))
    sys.stdout.write(json.dumps(told) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
