"""Unit suffixes and the few conversions between them.

Names carry their unit last. A number without a suffix is a count, an index or an id.

    _ns     integer nanoseconds of one stated clock, as a point in time or a length of time
    _s      float seconds, in physics, settings and files only
    _m _m2 _m3 _m_s _rad _deg _deg_s   metres, square, cubic, per second, angles
    _kg _kg_s _kg_m3                   mass, rate, density
    _w _wh _c                          watts, watt-hours, degrees Celsius
    _bps _bytes _mib                   bits per second, bytes, mebibytes
    _ratio                             0 to 1

A bound has ``_min`` or ``_max`` after its unit.
"""

from datetime import UTC, datetime

UNITS = {
    "ns": "ns",
    "s": "s",
    "m": "m",
    "m2": "m2",
    "m3": "m3",
    "m_s": "m/s",
    "rad": "rad",
    "deg": "deg",
    "deg_s": "deg/s",
    "kg": "kg",
    "kg_s": "kg/s",
    "kg_m3": "kg/m3",
    "w": "W",
    "wh": "Wh",
    "c": "degC",
    "bps": "bit/s",
    "bytes": "byte",
    "mib": "MiB",
    "ratio": "1",
}
"""Unit by suffix, as documents for others write it."""

NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000
SECONDS_PER_HOUR = 3600.0

# Standard gravity on the lunar surface, IAU/JPL DE421 mean value.
MOON_GRAVITY_M_S2 = 1.62


def unit_of(name: str) -> str | None:
    """Give the unit that a name ends with; None when it is a count, an index, an id or a word."""
    words = name.removesuffix("_min").removesuffix("_max").split("_")
    # The longest first: a speed in metres per second is no time.
    for count in range(len(words) - 1, 0, -1):
        unit = UNITS.get("_".join(words[-count:]))
        if unit is not None:
            return unit
    return None


def ns_from_s(duration_s: float) -> int:
    """Give whole nanoseconds for a duration in seconds, rounded to nearest."""
    return round(duration_s * NS_PER_S)


def s_from_ns(duration_ns: int) -> float:
    """Give seconds for a duration in nanoseconds."""
    return duration_ns / NS_PER_S


def utc_from_ns(site_ns: int) -> str:
    """Give a site time in UTC to the second, as ISO 8601 writes it."""
    return datetime.fromtimestamp(site_ns // NS_PER_S, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
