"""A node's store from power cut to power cut: each round lives from what the last one left."""

import argparse
import random
from collections import Counter
from pathlib import Path

from lunaredge.ids import BootId
from lunaredge.node import Persist
from lunaredge.units import NS_PER_S
from lunaredge.wire.spool import TABLE, decode_item
from tests.runtime.power.history import History
from tests.runtime.power.images import image, put, said_before
from tests.runtime.power.judge import Found, Rows, Scene, judged
from tests.runtime.power.life import Arrived, Begun, Born, Left, live_once
from tests.runtime.power.station import Station
from tests.runtime.power.vfs import SqliteRecorder

IMAGES_PER_ROUND = 4


class SpoolChain:
    """One store through its rounds."""

    name = "spool"

    def __init__(self, options: argparse.Namespace, seed: int, folder: Path) -> None:
        self.total: Counter[str] = Counter()
        self.place = "before any cut"
        """Where the power was last cut, for who looks for a fault."""
        self._options = options
        self._rng = random.Random(f"power/{seed}")
        self._folder = folder
        self._files: dict[str, bytes] = {}
        self._rows: Rows = {}
        self._boot = BootId(0)
        self._arrived = Station().arrived
        self._now_ns = 1000 * NS_PER_S

    def round(self, number: int, recorder: SqliteRecorder) -> None:
        """Live once, and judge some cuts of that life."""
        folder = self._folder / f"{number}"
        folder.mkdir()
        put(self._files, folder)
        history = History(folder, ignores_syncs=self._options.ignore_syncs)
        recorder.history = history
        station = Station(self._arrived)
        self._now_ns = live_once(
            history, station, self._now_ns, self._rng, self._options.synchronous
        )
        recorder.history = None
        history.check()
        self._count(history)
        for count in range(IMAGES_PER_ROUND):
            self._cut(history, folder / f"image-{count}", is_last=count == IMAGES_PER_ROUND - 1)

    def _count(self, history: History) -> None:
        words = said_before(history, len(history.ops))
        commits = [word.writes for word in words if isinstance(word, Begun)]
        writes = [w for writes in commits for w in writes if isinstance(w, Persist)]
        records = [decode_item(write.value) for write in writes if write.table == TABLE]
        self.total.update(
            rounds=1,
            file_operations=len(history.ops),
            bytes_written=history.written_bytes(),
            commits=len(commits),
            records_written=len(records),
            markers_written=sum(item.dropped for item in records),
            uploads_left=sum(isinstance(word, Left) for word in words),
            uploads_arrived=sum(isinstance(word, Arrived) for word in words),
        )

    def _cut(self, history: History, folder: Path, *, is_last: bool) -> None:
        rng = self._rng
        cut = rng.randint(0, len(history.ops))
        self.place = f"cut before operation {cut} of {len(history.ops)}"
        files = image(history, cut, rng)
        words = said_before(history, cut)
        scene = Scene(
            rows=self._rows,
            boot=self._boot,
            arrived=self._arrived,
            words=words,
            now_ns=self._now_ns,
        )
        found = judged(files, scene, folder, rng)
        self.total.update(images=1, offered_again=found.offered_count)
        if is_last:
            self._go_on(files, words, found)

    def _go_on(self, files: dict[str, bytes], words: list[object], found: Found) -> None:
        self._files, self._rows = files, found.rows
        self._boot = max([self._boot, *(word.boot for word in words if isinstance(word, Born))])
        arrived = [word.upload for word in words if isinstance(word, Arrived)]
        self._arrived = [*self._arrived, *arrived]
