"""Going home by the way it came, once the scheduler has been out of reach for long (A2).

The way home is the part of the authority's path that lies behind the machine, kept exclusive all
the time. Nothing else may go on by then: what was granted is used up. When the scheduler is heard
again the machine stops, and goes on with its task from there; the authority is the same.
"""

import msgspec

from lunaredge.agent import authority, speed
from lunaredge.agent.authority import Lease
from lunaredge.agent.config import AgentConfig
from lunaredge.agent.helm import Helm, Steering
from lunaredge.agent.leasing import Leasing
from lunaredge.model.polyline import part_of
from lunaredge.units import ns_from_s
from lunaredge.wire.driver import Sample


class Homing:
    """The trip home of one machine. Times are local."""

    def __init__(self, config: AgentConfig, helm: Helm, leasing: Leasing) -> None:
        self.under_way = False
        self._config = config
        self._helm = helm
        self._leasing = leasing
        self._cut_off_ns: int | None = None
        """Since when the scheduler has been out of reach."""

    def watch(self, now_ns: int, *, reachable: bool) -> None:
        """Take note whether the scheduler is in reach."""
        if reachable:
            self._cut_off_ns = None
        elif self._cut_off_ns is None:
            self._cut_off_ns = now_ns

    def clock_jumped(self, now_ns: int) -> None:
        """Count from now what was counted from before."""
        if self._cut_off_ns is not None:
            self._cut_off_ns = now_ns

    def due_ns(self) -> int | None:
        """Say when the machine sets off for home if nothing is heard until then."""
        if self._cut_off_ns is None:
            return None
        return self._cut_off_ns + ns_from_s(self._config.go_home_after_s)

    def is_due(self, now_ns: int) -> bool:
        """Tell whether the machine may go home now, as far as its lease and the silence say."""
        due_ns = self.due_ns()
        return due_ns is not None and now_ns >= due_ns and self._leasing.leads_home(now_ns)

    def drive(self, sample: Sample, now_ns: int) -> bool:
        """Go on along the way home; tell whether the machine sets off for it."""
        lease = self._leasing.lease
        assert lease is not None
        assert lease.leads_home
        sets_off = not self.under_way
        if self.under_way:
            self._helm.drop_lost(sample, now_ns)
        elif not self._helm.idle:
            self._helm.halt(now_ns)
        if self._helm.follows:
            speed_m_s = speed.limit_m_s(self._config, lease, sample)
            self._helm.pace(lease.base_m, speed_m_s, now_ns)
        elif self._helm.idle and self._helm.at_rest(now_ns):
            self._set_off(lease, sample, now_ns)
        return sets_off and self.under_way

    def end(self, now_ns: int) -> None:
        """Come to rest; from there the path leads on again, wherever it rolls to."""
        assert self.under_way
        lease = self._leasing.lease
        self.under_way = False
        self._helm.halt(now_ns)
        if lease is not None:
            rolled_m = max(0.0, lease.station_m - speed.blind_m(self._config))
            self._leasing.lease = msgspec.structs.replace(lease, station_m=rolled_m)

    def _set_off(self, lease: Lease, sample: Sample, now_ns: int) -> None:
        blind_m = speed.blind_m(self._config)
        window_m = (max(0.0, lease.station_m - blind_m), lease.station_m + blind_m)
        begun = authority.begun(lease, sample, window_m)
        if begun is None:
            return
        self._leasing.lease = msgspec.structs.replace(begun, at_stop=False)
        self.under_way = True
        path = part_of(lease.grant.path, 0.0, begun.base_m)[::-1]
        speed_m_s = speed.limit_m_s(self._config, lease, sample)
        self._helm.steer(Steering(path, begun.base_m, speed_m_s), (None, 0.0), now_ns)
