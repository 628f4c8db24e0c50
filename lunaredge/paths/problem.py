"""What a planner is asked, and what it answers."""

import math
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import ArrayLike

from lunaredge.errors import ConfigError
from lunaredge.kernels.convex import COLUMNS
from lunaredge.kernels.jit import Floats, Singles
from lunaredge.paths.fleet import Reservation
from lunaredge.paths.given import check_fields
from lunaredge.paths.route import COORDINATE_M_MAX, HEADING_RAD_MAX, TIME_S_MAX, Pose, Route
from lunaredge.paths.verdict import Kind

# 4 096 x 4 096 cells with 16 headings; a slot each is 1 GiB.
CELLS_MAX = 1 << 24
PACE_S_M_MAX = 1e6
ENERGY_WH_M_MAX = 1e6

_NO_PLAN = "nothing to plan with"


class PlanGround:
    """The ground as one machine finds it, cell by cell.

    Raises:
        ConfigError: shapes that don't fit, a pace that is not positive, or a frame of no size.
    """

    __slots__ = ("energies_wh_m", "frame", "gradients", "paces_s_m")

    def __init__(
        self,
        frame: ArrayLike,
        paces_s_m: ArrayLike,
        *,
        energies_wh_m: ArrayLike | None = None,
        gradients: ArrayLike | None = None,
    ) -> None:
        """Check and keep copies.

        frame         : (3,)       x_m, y_m of the corner of cell (0, 0), cell_m
        paces_s_m     : (H, W)     > 0; inf or NaN = closed
        energies_wh_m : (H, W)     >= 0; default 0
        gradients     : (H, W, 2)  rise along +x and +y, m per m; default level
        """
        self.frame: Floats = np.array(frame, dtype=np.float64)
        self.paces_s_m: Floats = np.array(paces_s_m, dtype=np.float64, order="C")
        self.paces_s_m[np.isnan(self.paces_s_m)] = np.inf
        shape = self.paces_s_m.shape
        _require(self.frame.shape == (3,), "frame", self.frame.shape, "give x_m, y_m, cell_m")
        _require(
            bool((np.abs(self.frame) <= COORDINATE_M_MAX).all()) and self.frame[2] > 0.0,
            "frame",
            self.frame.tolist(),
            "give metres, and cells of some size",
        )
        _require(len(shape) == 2 and 0 < math.prod(shape) <= CELLS_MAX, "paces_s_m", shape, _SIZE)
        paces = self.paces_s_m[np.isfinite(self.paces_s_m)]
        _require(
            not len(paces) or (paces.min() > 0.0 and paces.max() <= PACE_S_M_MAX),
            "paces_s_m",
            float(paces.min()) if len(paces) else None,
            f"give more than 0 s/m and at most {PACE_S_M_MAX:g}; inf = closed",
        )
        self.energies_wh_m: Floats = np.zeros(shape)
        if energies_wh_m is not None:
            self.energies_wh_m = np.array(energies_wh_m, dtype=np.float64, order="C")
        given = self.energies_wh_m
        _require(given.shape == shape, "energies_wh_m", given.shape, f"give {shape}")
        is_open = np.isfinite(self.paces_s_m)
        given[~is_open] = 0.0
        _require(
            bool(((given >= 0.0) & (given <= ENERGY_WH_M_MAX)).all()),
            "energies_wh_m",
            float(given.min()),
            f"give 0 to {ENERGY_WH_M_MAX:g} Wh/m wherever the ground is open",
        )
        self.gradients: Singles = np.zeros((*shape, 2), np.float32)
        if gradients is not None:
            self.gradients = np.array(gradients, dtype=np.float32, order="C")
        _require(
            self.gradients.shape == (*shape, 2), "gradients", self.gradients.shape, "give (H, W, 2)"
        )
        self.gradients[~is_open] = 0.0
        _require(
            bool(np.isfinite(self.gradients).all()),
            "gradients",
            "NaN or inf",
            "give numbers wherever the ground is open",
        )

    @property
    def cell_m(self) -> float:
        """Size of a cell."""
        return float(self.frame[2])

    def halved(self, cells_max: int) -> "PlanGround | None":
        """Give the same ground in cells of half the size; None when that are too many."""
        if 4 * self.paces_s_m.size > cells_max:
            return None
        fine = np.ones((2, 2))
        return PlanGround(
            self.frame * (1.0, 1.0, 0.5),
            np.kron(self.paces_s_m, fine),
            energies_wh_m=np.kron(self.energies_wh_m, fine),
            gradients=self.gradients.repeat(2, axis=0).repeat(2, axis=1),
        )

    def cell_of(self, pose: Pose) -> int | None:
        """Give the number of the cell that a pose is in; None beyond the grid."""
        rows, columns = self.paces_s_m.shape
        column = math.floor((pose.x_m - self.frame[0]) / self.frame[2])
        row = math.floor((pose.y_m - self.frame[1]) / self.frame[2])
        is_inside = 0 <= row < rows and 0 <= column < columns
        return row * columns + column if is_inside else None


class Barrier(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """What stands somewhere for a time: a keep-out zone, an obstacle.

    Raises:
        ConfigError: not rows of a convex body, or a window that holds no time.
    """

    name: str
    kind: Kind = Kind.KEEP_OUT
    rows: Floats
    """float64 (S, COLUMNS): convex pieces in the world's frame, as `Footprint.parts` packs them."""
    from_s: float = -math.inf
    until_s: float = math.inf

    def __post_init__(self) -> None:
        """Refuse what is no barrier."""
        shape = self.rows.shape
        _require(
            len(shape) == 2 and shape[1] == COLUMNS and shape[0] > 0, "rows", shape, "give (S, 37)"
        )
        _require(self.from_s < self.until_s, "until_s", self.until_s, "give more than from_s")

    @property
    def is_lasting(self) -> bool:
        """Whether it stands for ever, before and after."""
        return self.from_s == -math.inf and self.until_s == math.inf


class PlanRequest(msgspec.Struct, frozen=True, kw_only=True):
    """From where to where.

    Raises:
        ConfigError: not finite, out of bounds, or an arrival before the start.
    """

    start: Pose
    goal: Pose
    start_s: float = 0.0
    arrive_s: float = math.inf
    """No later."""
    stay_s: float = math.inf
    """How long the machine can stand at the goal from its arrival on; inf = for ever."""
    reservations: Mapping[str, Reservation] = {}
    """The other machines, by name."""

    def __post_init__(self) -> None:
        """Refuse poses and times that nothing can be planned with."""
        check_fields(self, _NO_PLAN, "plan")
        for key, pose in (("start", self.start), ("goal", self.goal)):
            fits = all(abs(number) <= COORDINATE_M_MAX for number in pose[:2])
            _require(
                fits and abs(pose[2]) <= HEADING_RAD_MAX,
                key,
                tuple(pose),
                "give metres and radians",
            )
        _require(abs(self.start_s) <= TIME_S_MAX, "start_s", self.start_s, "give seconds")
        _require(self.arrive_s >= self.start_s, "arrive_s", self.arrive_s, "give start_s or later")
        _require(self.stay_s >= 0.0, "stay_s", self.stay_s, "give 0 or more")


class PlanOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What counts, and how long to look.

    Raises:
        ConfigError: a price, a weight or a count that makes no sense.
    """

    second: float = 1.0
    """Price of a second."""
    wh: float = 0.0
    """Price of a Wh."""
    weights: tuple[float, ...] = (1.05, 1.02)
    """A search for each, falling: a weight of w gives a route of w times the least cost at most."""
    states_max: int = 200_000
    """Lattice states to settle until a route is found, or none is proven."""
    better_max: int = 500
    """Lattice states to settle for anything cheaper after each route found."""
    tick_s: float = 1.0
    """Where the way is taken, departures this far apart are looked at, then ever farther apart."""

    def __post_init__(self) -> None:
        """Refuse options that no search can be run with."""
        check_fields(self, _NO_PLAN, "plan")
        _require(0.0 < self.second < 1e9, "second", self.second, "give more than 0")
        _require(0.0 <= self.wh < 1e9, "wh", self.wh, "give 0 or more")
        falling = all(a > b for a, b in pairwise(self.weights))
        fits = bool(self.weights) and falling and all(1.0 <= w <= 1e3 for w in self.weights)
        _require(fits, "weights", self.weights, "give falling numbers, none under 1")
        _require(1 <= self.states_max <= 1 << 30, "states_max", self.states_max, "give 1 or more")
        _require(0.0 < self.tick_s < 1e9, "tick_s", self.tick_s, "give more than 0")


def never() -> bool:
    """Tell that time is not over."""
    return False


class Limits(NamedTuple):
    """How long a search may go on."""

    weights: tuple[float, ...]
    states_max: int
    is_over: Callable[[], bool] = never


class Plan(msgspec.Struct, frozen=True, kw_only=True, tag="plan"):
    """A route, checked against all that the planner was told."""

    route: Route
    cost: float
    """Seconds and Wh from the start on, by their prices; waiting counts."""
    bound: float
    """It costs at most so many times the least at the lattice's resolution; 1 = proven least.

    Where energy has a price and the route has to wait, a dearer and later way in between may have
    saved energy while waiting; that is not in the bound."""
    states: int
    """Lattice states settled."""


class NoRoute(msgspec.Struct, frozen=True, kw_only=True, tag="no_route"):
    """There is none, or none was found; and why."""

    kind: Kind | None
    """What is in the way; None when the search ended before it knew."""
    party: str = ""
    """The zone, obstacle or machine, where one alone is to blame."""
    pose: Pose | None = None
    """Where, if that is known."""
    gap_m: float | None = None
    """How wide the widest way is at its narrowest."""
    needed_m: float | None = None
    """How wide the machine is, at least."""
    proven: bool
    """True: at the lattice's resolution there is none. False: the search ended early."""
    states: int = 0
    reason: str
    """What an operator reads."""


_SIZE = f"give (H, W), up to {CELLS_MAX} cells"


def _require(condition: object, key: str, value: object, remedy: str) -> None:
    if not condition:
        raise ConfigError(_NO_PLAN, place="plan", key=key, value=value, remedy=remedy)
