"""Speed: how fast a machine may go on its authority, and how far it may still roll.

Pure. A machine that knows its place worse, or vouches for less of its brakes, goes slower before it
stands still.
"""

from lunaredge.agent.authority import Lease
from lunaredge.agent.config import AgentConfig
from lunaredge.units import s_from_ns
from lunaredge.wire.driver import Sample

# A machine that vouches for less of its brakes than this is not driven.
BRAKE_RATIO_MIN = 0.1
# From this share of the pose error that an authority allows for, the machine goes slower; at the
# whole of it at a quarter of its speed, and beyond it not at all.
_POSE_RATIO_SLOW = 0.5
_PACE_RATIO_MIN = 0.25


def limit_m_s(config: AgentConfig, lease: Lease, sample: Sample) -> float:
    """Give how fast the machine may go, with the brakes and the pose that it has now."""
    bound_m = lease.grant.pose_error_m
    spare = 1.0 - sample.pose_error_m / bound_m if bound_m > 0.0 else 0.0
    pace = min(1.0, max(_PACE_RATIO_MIN, spare / (1.0 - _POSE_RATIO_SLOW)))
    # The brakes' share of their deceleration leaves the time to stop as it was planned.
    pace *= max(sample.brake_ratio, BRAKE_RATIO_MIN)
    return round(pace * min(lease.grant.speed_m_s_max, config.speed_m_s_max), 3)


def blind_m(config: AgentConfig) -> float:
    """Give how far a machine may have gone since a sample last showed its station."""
    return 3.0 * config.sample_period_s * config.speed_m_s_max + 1.0


def rolling_m(config: AgentConfig, unseen_ns: int) -> float:
    """Give how far beyond its last known station a machine may come to rest.

    ``unseen_ns`` is how long it may have gone on since then before it began to brake.
    """
    speed_m_s = config.speed_m_s_max
    return speed_m_s * s_from_ns(unseen_ns) + config.rolling_m(speed_m_s)
