"""An archive from power cut to power cut: uploads are kept, settled into day files, and looked for.

Settling has a thread of its own, which works while the life waits for it: a seed gives the same
order of writes again.
"""

import argparse
import contextlib
from pathlib import Path
from typing import NamedTuple

import msgspec

from lunaredge.node import Keep, Persist, Row
from lunaredge.runtime.archive.read import ArchiveReader
from lunaredge.runtime.archive.settings import ArchiveSettings
from lunaredge.runtime.archive.store import KEPT_TABLE, ArchiveStore
from tests.runtime.archive.counted import counted
from tests.runtime.archive.drawn import (
    BOOT,
    DAY_NS,
    MIDNIGHT_NS,
    SPAN_NS,
    TABLE,
    Told,
    as_text,
    marker,
    samples_of,
    upload,
)
from tests.runtime.power.chain import Chain, Files
from tests.runtime.power.history import History
from tests.runtime.power.images import put
from tests.runtime.power.plain import recorded

COMMITS_MAX = 10
# Several segments, several parts of each, several blocks of each.
SETTINGS = ArchiveSettings(segment_bytes_max=1024 * 1024, gather_bytes_max=4096, block_rows_max=16)
COMMITS = "commits"
WAIT_S = 30.0


class Key(NamedTuple):
    """An upload: whose, and its last number."""

    node: str
    seq: int


class Begun(NamedTuple):
    """A commit begins."""

    number: int
    keys: tuple[Key, ...]


class Committed(NamedTuple):
    """It is through."""

    number: int


class Offer(NamedTuple):
    """An upload, and the samples in it."""

    keep: Keep
    told: list[Told]


class ArchiveChain(Chain):
    """An archive of telemetry, in its folder."""

    name = "archive"

    def __init__(self, options: argparse.Namespace, seed: int, folder: Path) -> None:
        super().__init__(options, seed, folder)
        self._offers: dict[Key, Offer] = {}
        self._seqs = {"dozer-1": 0, "rover-2": 0}
        self._kept: set[Key] = set()
        """What the last cut left."""
        self._commits: dict[int, tuple[Key, ...]] = {}
        """What lives before wrote, by number of the commit."""
        self._commit = 0

    # --- a life ----------------------------------------------------------------------------------

    def live(self, history: History) -> None:
        """Take what nodes send: again what was not kept, and new uploads; settle now and then."""
        with (
            recorded(history),
            contextlib.closing(ArchiveStore.open(history.folder, SETTINGS)) as store,
        ):
            self._work(history, store)

    def _work(self, history: History, store: ArchiveStore) -> None:
        # First what the last life left: from here on settling works only while this waits.
        assert store.settle(WAIT_S)
        kept = _kept(list(store.rows()))
        again = [key for key in self._offers if key not in kept]
        for _ in range(self._rng.randint(3, COMMITS_MAX)):
            keys = [*again[:3], *(self._draw() for _ in range(self._rng.randint(1, 4)))]
            again = again[3:]
            self._rng.shuffle(keys)
            self._commit += 1
            history.say(Begun(self._commit, tuple(keys)))
            count = Persist(COMMITS, "", 0, msgspec.msgpack.encode(self._commit))
            store.commit([*(self._offers[key].keep for key in keys), count])
            history.say(Committed(self._commit))
            if self._rng.random() < 0.35:
                assert store.settle(WAIT_S)
                self.total.update(settlings=1)

    def _draw(self) -> Key:
        """Make an upload of the day before, of midnight, or of the day after; or of no samples."""
        rng = self._rng
        node = rng.choice(sorted(self._seqs))
        if rng.random() < 0.1:
            keep = marker(self._seqs[node] + 1, self._seqs[node] + 1, node=node)
            told: list[Told] = []
        else:
            start_ns = MIDNIGHT_NS + rng.choice((-SPAN_NS // 2, rng.randrange(-DAY_NS, DAY_NS)))
            how = {"node": node, "late": rng.random() < 0.3, "rows": rng.choice((1, 2, 40))}
            keep, told = upload(self._seqs[node] + 1, start_ns, rng, table=TABLE[:6], **how)
        self._seqs[node] = keep.last_seq
        key = Key(node, keep.last_seq)
        self._offers[key] = Offer(keep, told)
        return key

    # --- a cut -----------------------------------------------------------------------------------

    def judge(self, files: Files, words: list[object], folder: Path, *, is_last: bool) -> None:
        commits = dict(self._commits)
        commits |= {word.number: word.keys for word in words if isinstance(word, Begun)}
        through = {word.number for word in words if isinstance(word, Committed)}
        sure = self._kept.union(*(commits[number] for number in through))
        put(files, folder)
        kept = self._judged(folder, commits, sure, max(through, default=0))
        self.total.update(uploads_kept=len(kept))
        if is_last:
            self._kept, self._commits = kept, commits

    def _judged(
        self, folder: Path, commits: dict[int, tuple[Key, ...]], sure: set[Key], through: int
    ) -> set[Key]:
        """Open what a cut left as the next life would, settle it, and read all that it has.

        Raises:
            AssertionError: something is lost, half there, there twice, or was never given.
        """
        with contextlib.closing(ArchiveStore.open(folder, SETTINGS)) as store:
            kept = self._taken_over(store, commits, sure, through)
        told = [sample for key in kept for sample in self._offers[key].told]
        with ArchiveReader.open(folder) as reader:
            # Of a commit that nobody heard of, some entries may have got through and some not.
            torn = [each for each in reader.problems() if each.what.endswith("bytes of entries")]
            assert reader.problems() == torn, reader.problems()
            assert as_text(samples_of(reader, told)) == as_text(told), "samples are not as given"
        found = counted(folder)
        assert found.twice == 0, f"{found.twice} samples are there twice"
        assert found.samples == len(told)
        return kept

    def _taken_over(
        self,
        store: ArchiveStore,
        commits: dict[int, tuple[Key, ...]],
        sure: set[Key],
        through: int,
    ) -> set[Key]:
        """Judge what a store says that it has, before it has settled and after."""
        rows = list(store.rows())
        kept = _kept(rows)
        assert sure <= kept, f"{len(sure - kept)} uploads that were acknowledged are lost"
        begun = sure.union(*commits.values())
        assert kept <= begun, f"{len(kept - begun)} uploads are there that nobody gave"
        written = [msgspec.msgpack.decode(row.value) for row in rows if row.table == COMMITS]
        # What is said after the log's entries is never there without them.
        last = max(written, default=0)
        assert last >= through, f"the core's rows are those of commit {last}, not {through}"
        assert all(key in kept for key in commits.get(last, ())), "rows without their uploads"
        assert store.settle(WAIT_S)
        assert _kept(list(store.rows())) == kept, "settling changed what is there"
        return kept


def _kept(rows: list[Row]) -> set[Key]:
    """Give the uploads that a store says it has."""
    found = set()
    for row in rows:
        if row.table == KEPT_TABLE:
            node, boot, _ = row.scope.split("/")
            assert int(boot) == BOOT
            first, last, *_ = msgspec.msgpack.decode(row.value)
            found |= {Key(node, seq) for seq in range(first, last + 1)}
    return found
