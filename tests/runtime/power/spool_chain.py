"""A node's spool from power cut to power cut."""

import argparse
from pathlib import Path

from lunaredge.ids import BootId
from lunaredge.node import Persist
from lunaredge.units import NS_PER_S
from lunaredge.wire.spool import TABLE, decode_item
from tests.runtime.power.chain import Chain, Files
from tests.runtime.power.history import History
from tests.runtime.power.images import said_before
from tests.runtime.power.judge import Rows, Scene, judged
from tests.runtime.power.life import Arrived, Begun, Born, Left, live_once
from tests.runtime.power.station import Station


class SpoolChain(Chain):
    """A node's spool, on its store."""

    name = "spool"

    def __init__(self, options: argparse.Namespace, seed: int, folder: Path) -> None:
        super().__init__(options, seed, folder)
        self._rows: Rows = {}
        self._boot = BootId(0)
        self._arrived = Station().arrived
        self._now_ns = 1000 * NS_PER_S

    def live(self, history: History) -> None:
        station = Station(self._arrived)
        self._now_ns = live_once(
            history, station, self._now_ns, self._rng, self._options.synchronous
        )
        words = said_before(history, len(history.ops))
        commits = [word.writes for word in words if isinstance(word, Begun)]
        writes = [w for writes in commits for w in writes if isinstance(w, Persist)]
        records = [decode_item(write.value) for write in writes if write.table == TABLE]
        self.total.update(
            commits=len(commits),
            records_written=len(records),
            markers_written=sum(item.dropped for item in records),
            uploads_left=sum(isinstance(word, Left) for word in words),
            uploads_arrived=sum(isinstance(word, Arrived) for word in words),
        )

    def judge(self, files: Files, words: list[object], folder: Path, *, is_last: bool) -> None:
        scene = Scene(
            rows=self._rows,
            boot=self._boot,
            arrived=self._arrived,
            words=words,
            now_ns=self._now_ns,
        )
        found = judged(files, scene, folder, self._rng)
        self.total.update(offered_again=found.offered_count)
        if is_last:
            self._rows = found.rows
            self._boot = max([self._boot, *(word.boot for word in words if isinstance(word, Born))])
            arrived = [word.upload for word in words if isinstance(word, Arrived)]
            self._arrived = [*self._arrived, *arrived]
