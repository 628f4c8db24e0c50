"""Something that lives on a disk, from power cut to power cut: each round from what one left."""

import argparse
import random
from collections import Counter
from pathlib import Path
from typing import ClassVar

from tests.runtime.power.history import History
from tests.runtime.power.images import image, put, said_before
from tests.runtime.power.vfs import SqliteRecorder

IMAGES_PER_ROUND = 4
Files = dict[str, bytes]


class Chain:
    """One store through its rounds; what lives on it is a subclass's."""

    name: ClassVar[str]

    def __init__(self, options: argparse.Namespace, seed: int, folder: Path) -> None:
        self.total: Counter[str] = Counter()
        self.place = "before any cut"
        """Where the power was last cut, for who looks for a fault."""
        self._options = options
        self._rng = random.Random(f"power/{self.name}/{seed}")
        self._folder = folder
        self._files: Files = {}
        """What the last cut left."""

    def round(self, number: int, recorder: SqliteRecorder) -> None:
        """Live once, and judge some cuts of that life."""
        folder = self._folder / f"{number}"
        folder.mkdir()
        put(self._files, folder)
        history = History(folder, ignores_syncs=self._options.ignore_syncs)
        recorder.history = history
        self.live(history)
        recorder.history = None
        history.check()
        self.total.update(
            rounds=1, file_operations=len(history.ops), bytes_written=history.written_bytes()
        )
        for count in range(IMAGES_PER_ROUND):
            cut = self._rng.randint(0, len(history.ops))
            self.place = f"cut before operation {cut} of {len(history.ops)}"
            files = image(history, cut, self._rng)
            is_last = count == IMAGES_PER_ROUND - 1
            words = said_before(history, cut)
            self.judge(files, words, folder / f"image-{count}", is_last=is_last)
            self.total.update(images=1)
            if is_last:
                self._files = files

    def live(self, history: History) -> None:
        """Live once in a history's folder, and say into it what the judge wants to know."""
        raise NotImplementedError

    def judge(self, files: Files, words: list[object], folder: Path, *, is_last: bool) -> None:
        """Judge what a cut left, in an empty folder; the last one is what is lived from next.

        Raises:
            AssertionError: a promise was broken.
        """
        raise NotImplementedError
