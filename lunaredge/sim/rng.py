"""Randomness by subsystem: a draw added in one never shifts another.

Owns the only source of chance in the simulator. Seeding by a string does not depend on
PYTHONHASHSEED.
"""

import random


class Streams:
    """One generator per subsystem, all made from one seed."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._streams: dict[str, random.Random] = {}

    def stream(self, subsystem: str) -> random.Random:
        """Give the generator of a subsystem; the same one each time."""
        if subsystem not in self._streams:
            self._streams[subsystem] = random.Random(f"{self.seed}/{subsystem}")
        return self._streams[subsystem]

    def renew(self, subsystem: str, occasion: str) -> random.Random:
        """Begin the generator of a subsystem anew, for one occasion; give it.

        What is drawn on this occasion then doesn't depend on what was drawn before.
        """
        rng = self._streams[subsystem] = random.Random(f"{self.seed}/{subsystem}/{occasion}")
        return rng
