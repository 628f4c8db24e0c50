"""Reservations by name, and whether they keep clear of one another: the fleet in space and time.

A reservation is the space-time that one machine sweeps. Checks are exact and continuous in time:
bodies that touch have met, at any instant that both reservations count, ends included. What is
added or removed costs time in proportion to its own knots only.
"""

import enum
import math
from collections.abc import Iterable, Iterator

import msgspec
import numpy as np

from lunaredge.errors import ConfigError
from lunaredge.kernels.jit import Floats, Ints
from lunaredge.kernels.spacetime import MEETING_COLUMNS, box_starts, meetings
from lunaredge.kernels.spacetime_index import ORDER
from lunaredge.kernels.spacetime_one import check_track, describe
from lunaredge.kernels.spacetime_pair import MEET, MEET_AT_KNOTS
from lunaredge.paths.footprint import Footprint
from lunaredge.paths.given import check_fields, checked, explained
from lunaredge.paths.route import TIME_S_MAX, Pose, Route
from lunaredge.paths.tracks import Tracks
from lunaredge.paths.verdict import Free, Kind, Verdict, Violation

RESERVATIONS_MAX = 10_000
BYTES_MAX = 2_000_000_000
MEETINGS_MAX = 10_000
# A meeting takes 96 bytes until all are told.
MEETINGS_MOST = 10_000_000
# How far a check looks for what is nearest, unless told.
RANGE_M = 5.0

_NOBODY = np.empty(0, np.int64)
_NO_RESERVATION = "no reservation"


class Moments(enum.IntEnum):
    """When bodies are looked at."""

    ALL = MEET
    """At every instant: the check that guards machines."""
    KNOTS = MEET_AT_KNOTS
    """At the knots of both routes only, as sampled checkers do: it misses what is between.

    The `from_s` and `until_s` of a reservation count as knots.
    """


class Reservation(msgspec.Struct, frozen=True, kw_only=True):
    """A machine on its route, and from when until when that counts.

    Before its route's first knot the machine stands at the first pose, after the last at the last.

    Raises:
        ConfigError: a time is not a number or too far off, or the end is before the start.
    """

    footprint: Footprint
    route: Route
    from_s: float = -math.inf
    until_s: float = math.inf

    def __post_init__(self) -> None:
        """Refuse times that are none."""
        check_fields(self, _NO_RESERVATION, "fleet")
        for key, time_s in (("from_s", self.from_s), ("until_s", self.until_s)):
            if not (abs(time_s) <= TIME_S_MAX or math.isinf(time_s)):
                raise _wrong(key, time_s, f"give up to {TIME_S_MAX:g}, or infinity")
        if not self.from_s <= self.until_s or self.from_s == math.inf or self.until_s == -math.inf:
            raise _wrong("until_s", self.until_s, f"give from_s, {self.from_s:g}, or later")


class Meeting(msgspec.Struct, frozen=True, kw_only=True):
    """Two machines that meet, where and when they first do."""

    first: str
    """The one that was added first."""
    second: str
    time_s: float
    """-inf where both have always stood like that."""
    first_segment: int
    """Index of the knot that the segment of its route starts from."""
    second_segment: int
    first_pose: Pose
    second_pose: Pose
    depth_m: float
    """How deep they overlap at worst within that segment of the first; 0 where they but touch."""


class Fleet:
    """Reservations by name. For one thread at a time: a check writes to the fleet's arrays too."""

    @checked("fleet")
    def __init__(
        self, *, reservations_max: int = RESERVATIONS_MAX, bytes_max: int = BYTES_MAX
    ) -> None:
        for key, most in (("reservations_max", reservations_max), ("bytes_max", bytes_max)):
            if most < 0:
                raise _wrong(key, most, "give 0 or more")
        self._reservations: dict[str, Reservation] = {}
        self._slots: dict[str, int] = {}
        self._names: dict[int, str] = {}
        self._reservations_max = reservations_max
        self._tracks = Tracks(bytes_max)
        self._visitor: int | None = None
        self._cuts_s: Floats | None = None

    def __len__(self) -> int:
        """Count the reservations."""
        return len(self._reservations)

    def __contains__(self, name: object) -> bool:
        """Tell whether there is a reservation of that name."""
        return name in self._reservations

    def __iter__(self) -> Iterator[str]:
        """Give the names, in the order in which they were added."""
        return iter(self._reservations)

    def __getitem__(self, name: str) -> Reservation:
        """Give a reservation."""
        return self._reservations[name]

    @checked("fleet")
    def add(self, name: str, reservation: Reservation) -> None:
        """Add a reservation, whether or not it meets others.

        Raises:
            ConfigError: there is one of that name, or no room is left.
        """
        if name in self._reservations:
            raise _wrong("name", name, "replace that reservation, or choose another name")
        if len(self) >= self._reservations_max:
            raise _wrong("reservations", len(self), "remove some first; that is the most")
        slot = self._tracks.take(reservation.footprint, reservation.route)
        self._enter(name, reservation, slot)

    @checked("fleet")
    def remove(self, name: str) -> None:
        """Take a reservation away.

        Raises:
            ConfigError: there is none of that name.
        """
        if name not in self._reservations:
            raise _wrong("name", name, "name a reservation of the fleet")
        del self._reservations[name]
        slot = self._slots.pop(name)
        del self._names[slot]
        self._tracks.give_back(slot)
        self._cuts_s = None

    @checked("fleet")
    def replace(self, name: str, reservation: Reservation) -> None:
        """Put a reservation in the place of the one of that name, if any; it is the last in order.

        Raises:
            ConfigError: no room is left; the old one stands.
        """
        if name not in self._reservations:
            self.add(name, reservation)
            return
        old = self._slots[name]
        slot = self._tracks.exchange(old, reservation.footprint, reservation.route)
        del self._reservations[name], self._names[old]
        self._enter(name, reservation, slot)

    @explained("fleet")
    def check(
        self,
        reservation: Reservation,
        *,
        ignore: Iterable[str] = (),
        range_m: float = RANGE_M,
        moments: Moments = Moments.ALL,
    ) -> Verdict:
        """Check one more reservation against all, but those to ignore.

        Gives the first meeting; or free, with the least clearance within a range, to a millimetre,
        and where, when and against whom that is. A range of 0 doesn't ask for it, and neither does
        a look at the knots only.

        Raises:
            ConfigError: the range is not a number, or no room is left to look at the route in.
        """
        if not 0.0 <= range_m < math.inf:
            raise _wrong("range_m", range_m, "give metres, 0 or more")
        if isinstance(ignore, str):
            raise _wrong("ignore", ignore, "give names in a row, not one by itself")
        ignored = self._slots_of(ignore)
        # All that may be refused is, before there is a visitor to show out again.
        when, within_m = (
            int(moments if type(moments) is Moments else Moments(moments)),
            float(range_m),
        )
        visitor = self._visit(reservation)
        try:
            slot, gap_m, time_s, segment, place = check_track(
                self._tracks.index, visitor, ignored, when, within_m
            )
        finally:
            self._tracks.clear(visitor)
        if slot < 0:
            return Free(clearance_m=range_m)
        party = self._names[slot]
        if gap_m > 0.0:
            return Free(
                clearance_m=gap_m,
                kind=Kind.RESERVATION,
                party=party,
                segment=segment,
                time_s=time_s,
                pose=Pose(*place),
            )
        return Violation(
            kind=Kind.RESERVATION,
            party=party,
            segment=segment,
            time_s=time_s,
            pose=Pose(*place),
            depth_m=-gap_m,
        )

    @checked("fleet")
    def check_all(
        self, *, meetings_max: int = MEETINGS_MAX, moments: Moments = Moments.ALL
    ) -> list[Meeting]:
        """Give the first meeting of each pair that ever meets, the earliest first.

        At the same time the pair that was added first is first. The search ends once it has found
        `meetings_max`, which then need not be the earliest.
        """
        found = self._found(meetings_max, moments)
        describe(self._tracks.index, found)
        return [self._meeting(row) for row in found.tolist()]

    @checked("fleet")
    def meeting_times(
        self, *, meetings_max: int = MEETINGS_MAX, moments: Moments = Moments.ALL
    ) -> dict[tuple[str, str], float]:
        """Give the pairs that ever meet and when they first do: `check_all` in brief, and quicker.

        The one that was added first is the first of a pair.
        """
        found = self._found(meetings_max, moments)
        slots = found[:, 1:3].astype(np.int64).T.tolist()
        pairs = zip(*(map(self._names.__getitem__, column) for column in slots), strict=True)
        return dict(zip(pairs, found[:, 0].tolist(), strict=True))

    def _found(self, meetings_max: int, moments: Moments) -> Floats:
        """Give the meetings, sorted, as `kernels.spacetime.meetings` writes them."""
        if not 1 <= meetings_max <= MEETINGS_MOST:
            raise _wrong("meetings_max", meetings_max, f"give 1 to {MEETINGS_MOST}")
        found = np.empty((meetings_max, MEETING_COLUMNS))
        index = self._tracks.index
        found = found[: meetings(index, self._cuts(), int(moments), found)]
        ranks = np.argsort(np.argsort(index.tracks[:, ORDER]))
        first, second = ranks[found[:, 1:3].astype(np.int64)].T
        # One number for a pair: a sort by two keys takes a third of that by three.
        return found[np.lexsort((first * len(ranks) + second, found[:, 0]))]

    def _slots_of(self, names: Iterable[str]) -> Ints:
        """Give the slots of reservations; names of none are passed over."""
        slots = []
        for k, name in enumerate(names):
            if not isinstance(name, str):
                raise _wrong(f"ignore[{k}]", name, "give text")
            if name in self._slots:
                slots.append(self._slots[name])
        return np.array(slots, np.int64) if slots else _NOBODY

    def _enter(self, name: str, reservation: Reservation, slot: int) -> None:
        self._lay(slot, reservation)
        self._reservations[name] = reservation
        self._slots[name], self._names[slot] = slot, name
        self._cuts_s = None

    def _lay(self, slot: int, reservation: Reservation) -> None:
        counts = reservation.from_s, reservation.until_s
        self._tracks.lay(slot, reservation.footprint, reservation.route, counts)

    def _visit(self, reservation: Reservation) -> int:
        """Lay a track to be checked, and give its slot; it counts for nobody else."""
        footprint, route, visitor = reservation.footprint, reservation.route, self._visitor
        if visitor is None or not self._tracks.fits(visitor, footprint, route):
            if visitor is not None:
                self._tracks.give_back(visitor)
            self._visitor = None
            visitor = self._visitor = self._tracks.take(footprint, route)
        self._lay(visitor, reservation)
        return visitor

    def _cuts(self) -> Floats:
        """Give times that cut all tracks into windows of some boxes each, whatever their periods.

        There are about as many boxes in a window as there are tracks, so all windows together cost
        no more than the boxes, however many tracks stand still.
        """
        if self._cuts_s is None:
            starts_s = np.sort(box_starts(self._tracks.index))
            self._cuts_s = np.unique(starts_s[:: max(1, len(self))])
        return self._cuts_s

    def _meeting(self, row: list[float]) -> Meeting:
        """Give a meeting as people read it."""
        slot, other = int(row[1]), int(row[2])
        return Meeting(
            first=self._names[slot],
            second=self._names[other],
            time_s=row[0],
            first_segment=int(row[3]),
            second_segment=int(row[4]),
            first_pose=Pose(*row[5:8]),
            second_pose=Pose(*row[8:11]),
            depth_m=row[11],
        )


def _wrong(key: str, value: object, remedy: str) -> ConfigError:
    return ConfigError(_NO_RESERVATION, place="fleet", key=key, value=value, remedy=remedy)
