"""What the contenders of the fleet's contests are given: machines that drive about a square."""

import msgspec
import numpy as np

from lunaredge.kernels.jit import Floats

SEED = 1
LENGTH_M, WIDTH_M = 4.0, 2.5
REACH_M = float(np.hypot(LENGTH_M, WIDTH_M) / 2)
PERIOD_S = 1.0
# Machines at 1 m/s that keep turning a little, as on a way around obstacles.
STEP_M = 1.0
TURN_RAD = 0.08


class Crowd(msgspec.Struct, frozen=True):
    """A case: so many machines, each with so many poses, on a square of that side."""

    machines: int
    poses: int
    side_m: float

    @property
    def name(self) -> str:
        """What the rows call it."""
        return f"{self.machines} machines x {self.poses} poses on {self.side_m:g} m"

    @classmethod
    def named(cls, name: str) -> "Crowd":
        """Give the case of a name."""
        words = name.split(", ")[-1].split()
        return cls(int(words[0]), int(words[3]), float(words[6]))

    def routes(self) -> Floats:
        """Draw the poses: float64 (machines, poses, 3), x and y in m, heading in rad.

        They walk straight over the edge, and are folded back into the square.
        """
        rng = np.random.default_rng([SEED, self.machines, self.poses])
        headings = rng.uniform(-np.pi, np.pi, (self.machines, 1))
        headings = headings + np.cumsum(rng.normal(0.0, TURN_RAD, (self.machines, self.poses)), 1)
        steps = STEP_M * np.stack((np.cos(headings), np.sin(headings)), axis=-1)
        places = rng.uniform(0.0, self.side_m, (self.machines, 1, 2)) + np.cumsum(steps, axis=1)
        folded = self.side_m - np.abs(places % (2.0 * self.side_m) - self.side_m)
        ways = np.diff(folded, axis=1, append=2.0 * folded[:, -1:] - folded[:, -2:-1])
        towards = np.unwrap(np.arctan2(ways[..., 1], ways[..., 0]), axis=1)
        return np.ascontiguousarray(np.concatenate((folded, towards[..., None]), axis=-1))
