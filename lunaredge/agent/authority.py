"""Movement authorities as a node holds them: what one allows, where, and for how long.

Pure values and functions. The lease's age counts on the node's own monotonic clock from the
sending of the request that it answers, shortened by the drift bound; so it never outlives the
scheduler's own reckoning. Ending a lease ends the permission, never the occupancy: `held` goes on
telling the scheduler about it until the node gives the authority up.
"""

import msgspec

from lunaredge.agent.clock import shortened_ns
from lunaredge.model.polyline import (
    Path,
    are_nearer,
    distance_m,
    is_plausible,
    length_m,
    part_of,
    project_m,
    rest_of,
)
from lunaredge.model.site import Point
from lunaredge.wire.driver import Sample
from lunaredge.wire.messages import Grant, HeldAuthority, OnLoss, Shorten

# The farthest a path may begin from the machine: the controllers' own limit for an order's start.
START_GAP_M_MAX = 0.5
# A controller rests within millimetres of its stop; a decimetre also covers rounding of lengths.
ARRIVED_M = 0.1
# A day: longer than any task, short enough that clock arithmetic can't overflow anything.
LIFETIME_NS_MAX = 86_400_000_000_000
# As a command's. It goes into events, disputes and each heartbeat, which have room for one frame.
_ID_LENGTH_MAX = 80


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """A movement authority in hand. Times are local; stations are along ``grant.path``."""

    grant: Grant
    length_m: float
    stop_m: float
    """The stop point: no farther, until a renewal says more."""
    revision: int
    sent_ns: int
    """When the request was sent that the running lifetime answers."""
    lifetime_ns: int
    expiry_ns: int
    home_expiry_ns: int
    """Until when the way home may be taken."""
    station_m: float
    base_m: float
    """Station at which the order in force began."""
    released_m: float = 0.0
    at_stop: bool = False
    spent: bool = False
    """The leg it was for is done: it permits nothing more, and is given back with the next ask."""

    @property
    def renew_ns(self) -> int:
        """When to ask for more time: at half life, so that one lost answer costs nothing."""
        return self.sent_ns + self.lifetime_ns // 2

    @property
    def leads_home(self) -> bool:
        """Whether the path behind it leads home, and all of it is still its own."""
        return self.grant.on_loss is OnLoss.HOME and self.released_m == 0.0

    @property
    def left(self) -> Path:
        """What is still to be driven."""
        return rest_of(self.grant.path, self.station_m)


def has_sane_id(grant: Grant) -> bool:
    """Tell whether an authority's id can be told."""
    return 1 <= len(grant.authority) <= _ID_LENGTH_MAX


def flaw(grant: Grant, sample: Sample) -> str | None:
    """Give what is wrong with a grant for a machine that stands there, or None."""
    numbers_hold = (
        0.0 < grant.half_width_m <= 1000.0
        and 0.0 < grant.deviation_m_max <= grant.half_width_m
        and 0.0 <= grant.pose_error_m <= 100.0
        and 0.0 < grant.speed_m_s_max <= 100.0
        and 0.0 <= grant.tool_from_m <= 1e6
        and 0.0 <= grant.from_m <= grant.stop_m <= 1e6
        and 0.0 <= grant.overlap_m <= 1000.0
        and 0 < grant.lifetime_ns <= LIFETIME_NS_MAX
        and grant.home_lifetime_ns <= LIFETIME_NS_MAX
    )
    if not numbers_hold or not is_plausible(grant.path) or not has_sane_id(grant):
        return "grant_values"
    start = rest_of(grant.path, grant.from_m)[:1]
    gap_m = distance_m(start, (sample.x_m, sample.y_m))
    return None if gap_m <= START_GAP_M_MAX else "grant_start"


def lease_of(grant: Grant, sent_ns: int, drift_ppm: float) -> Lease:
    """Give the lease that a grant makes of the request sent then."""
    whole_m = length_m(grant.path)
    return Lease(
        grant=grant,
        length_m=whole_m,
        stop_m=min(grant.stop_m, whole_m),
        revision=grant.revision,
        sent_ns=sent_ns,
        lifetime_ns=grant.lifetime_ns,
        expiry_ns=sent_ns + shortened_ns(grant.lifetime_ns, drift_ppm),
        home_expiry_ns=sent_ns + shortened_ns(grant.home_lifetime_ns, drift_ppm),
        station_m=min(grant.from_m, whole_m),
        base_m=min(grant.from_m, whole_m),
    )


def renewed(lease: Lease, lifetime_ns: int, sent_ns: int, drift_ppm: float) -> Lease:
    """Give the lease with more time; a renewal never shortens one."""
    expiry_ns = sent_ns + shortened_ns(lifetime_ns, drift_ppm)
    if expiry_ns <= lease.expiry_ns:
        return lease
    return msgspec.structs.replace(
        lease,
        sent_ns=sent_ns,
        lifetime_ns=lifetime_ns,
        expiry_ns=expiry_ns,
        home_expiry_ns=sent_ns + shortened_ns(lease.grant.home_lifetime_ns, drift_ppm),
    )


def revoked(lease: Lease, now_ns: int) -> Lease:
    """Give the lease that permits nothing from now on; what is held stays held."""
    return msgspec.structs.replace(
        lease, sent_ns=now_ns, lifetime_ns=0, expiry_ns=now_ns, home_expiry_ns=now_ns
    )


def extended(lease: Lease, stop_m: float) -> Lease:
    """Give the lease with a farther stop point; a nearer one changes nothing."""
    stop_m = min(stop_m, lease.length_m)
    return msgspec.structs.replace(lease, stop_m=max(stop_m, lease.stop_m))


def span_m(lease: Lease, rolling_m: float, resting: Sample | None) -> tuple[float, float]:
    """Give between which stations a machine is, or may come to rest.

    ``rolling_m`` is how far off its last known station it may do so, either way. Of a machine that
    rests the measured place tells more: that station may be from before it rolled out.
    """
    low_m, high_m = lease.station_m - rolling_m, lease.station_m + rolling_m
    if resting is None:
        return low_m, high_m
    path, place = lease.grant.path, (resting.x_m, resting.y_m)
    here_m = project_m(path, place, (max(0.0, low_m), high_m))
    error_m = resting.pose_error_m + distance_m(part_of(path, here_m, here_m), place)
    return max(low_m, here_m - error_m), min(high_m, here_m + error_m)


def shortened(
    lease: Lease, shorten: Shorten, between_m: tuple[float, float], release_gap_m: float
) -> Lease:
    """Give the lease with less of the path, under a newer revision.

    What lies between the stations of ``between_m`` is not given back: there the machine rests.
    """
    assert shorten.revision > lease.revision
    low_m, high_m = between_m
    nearest_m = max(shorten.stop_m, high_m, lease.released_m)
    behind_m = min(shorten.from_m, low_m - release_gap_m)
    return msgspec.structs.replace(
        lease,
        stop_m=min(nearest_m, lease.stop_m),
        released_m=max(lease.released_m, behind_m),
        revision=shorten.revision,
    )


def begun(lease: Lease, sample: Sample, window_m: tuple[float, float]) -> Lease | None:
    """Give the lease of a machine that sets off from where it stands, between two stations.

    None where it stands too far from all of these for an order to begin there: it was carried.
    """
    place = (sample.x_m, sample.y_m)
    base_m = project_m(lease.grant.path, place, window_m)
    if distance_m(rest_of(lease.grant.path, base_m)[:1], place) > START_GAP_M_MAX:
        return None
    return msgspec.structs.replace(lease, station_m=base_m, base_m=base_m)


def moved(lease: Lease, sample: Sample, release_gap_m: float) -> Lease:
    """Give the lease after a sample of the order in force: the station, and what lies behind.

    Neither ever falls: what was given back may belong to somebody else by now. The way home is
    not given back.
    """
    station_m = min(max(lease.station_m, lease.base_m + sample.station_m), lease.length_m)
    behind_m = station_m - release_gap_m - sample.pose_error_m
    if lease.leads_home:
        behind_m = 0.0
    released_m = max(lease.released_m, behind_m, 0.0)
    return msgspec.structs.replace(lease, station_m=station_m, released_m=released_m)


def moved_back(lease: Lease, sample: Sample) -> Lease:
    """Give the lease after a sample of an order that leads back along it."""
    assert lease.leads_home
    return msgspec.structs.replace(lease, station_m=max(0.0, lease.base_m - sample.station_m))


def contains(lease: Lease, point: Point) -> bool:
    """Tell whether a place is within the corridor that is still the node's own."""
    return distance_m(_corridor(lease), point) <= lease.grant.deviation_m_max


def ground(grant: Grant) -> Path:
    """Give the path that a grant gives, as far as the place where a stop may end."""
    return part_of(grant.path, 0.0, grant.stop_m + grant.overlap_m)


def ahead(lease: Lease, stop_m: float) -> Path:
    """Give what a farther stop point adds to a lease."""
    overlap_m = lease.grant.overlap_m
    return part_of(lease.grant.path, lease.stop_m + overlap_m, stop_m + overlap_m)


def meets(lease: Lease, other: Grant) -> bool:
    """Tell whether what is held of a lease and another's new authority share ground.

    Not of a mere place to stand: a body may be found a little too near to others.
    """
    ours = _corridor(lease)
    if held(lease).at_stop or len(ours) == 1:
        return False
    return are_nearer(ours, ground(other), lease.grant.half_width_m + other.half_width_m)


def is_over(lease: Lease, margin_ns: int, now_ns: int) -> bool:
    """Tell whether it is time to be coming to rest, so as to stand before the lease ends."""
    return now_ns >= lease.expiry_ns - margin_ns


def held(lease: Lease) -> HeldAuthority:
    """Give what heartbeats say of it."""
    return HeldAuthority(
        id=lease.grant.authority,
        released_m=lease.released_m,
        stop_m=lease.stop_m,
        revision=lease.revision,
        # At its stop it may still go back.
        at_stop=lease.at_stop and not lease.leads_home,
        station_m=lease.station_m,
    )


def _corridor(lease: Lease) -> Path:
    """Give what of the path is still the node's own."""
    return part_of(lease.grant.path, lease.released_m, lease.stop_m + lease.grant.overlap_m)
