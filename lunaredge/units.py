"""Unit suffixes and the few conversions between them.

Names carry their unit last. A number without a suffix is a count, an index or an id.

    _ns     integer nanoseconds of one stated clock, as a point in time or a length of time
    _s      float seconds, in physics, settings and files only
    _m _m2 _m3 _m_s _rad _deg _deg_s   metres, square, cubic, per second, angles
    _kg _kg_s _kg_m3                   mass, rate, density
    _w _wh _c                          watts, watt-hours, degrees Celsius
    _bps _bytes                        bits per second, bytes
    _ratio                             0 to 1
"""

NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000
SECONDS_PER_HOUR = 3600.0

# Standard gravity on the lunar surface, IAU/JPL DE421 mean value.
MOON_GRAVITY_M_S2 = 1.62


def ns_from_s(duration_s: float) -> int:
    """Give whole nanoseconds for a duration in seconds, rounded to nearest."""
    return round(duration_s * NS_PER_S)


def s_from_ns(duration_ns: int) -> float:
    """Give seconds for a duration in nanoseconds."""
    return duration_ns / NS_PER_S
