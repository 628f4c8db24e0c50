"""The doctor's checks on this computer: Python, what is installed, the clock, a broker program."""

import ctypes
import importlib.util
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from lunaredge.cli.doctor.finding import Finding, failed, ok, skipped
from lunaredge.errors import TransportError
from lunaredge.runtime.broker import find_broker
from lunaredge.units import NS_PER_S

PYTHON_MIN = (3, 11)
# What each extra brings, by the names that are imported; without that of a monitor, which is not
# built. A test holds it to pyproject.toml.
EXTRAS = {
    "site": (
        "amqtt",
        "mapbox_earcut",
        "matplotlib",
        "numba",
        "numpy",
        "pydantic",
        "rich",
        "tifffile",
        "tomli_w",
        "yaml",
        "zstandard",
    ),
    "export": ("google.protobuf", "mcap", "pyarrow"),
    "bench": ("coal", "fcl", "highspy", "mqtt5", "ortools", "pyastar2d", "scipy", "shapely"),
    "commonroad": ("commonroad_dc",),
}
# 2026-01-01T00:00:00Z. A clock before this has lost its battery: lunaredge is younger.
WALL_NS_MIN = 1_767_225_600 * NS_PER_S
# Long enough for any monotonic clock to move.
_TICK_S = 0.01
_TIME_ERROR = 5  # adjtimex: the kernel does not hold its clock for synchronised


class _Timex(ctypes.Structure):
    """The head of Linux's ``struct timex``; the rest is room for the kernel to write."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("rest", ctypes.c_byte * 512),
    )


def check_machine(cache: Path) -> Iterator[Finding]:
    """Make every check that needs no configuration; ``cache`` is where a broker may lie."""
    yield check_python()
    yield from (check_extra(extra) for extra in EXTRAS)
    yield check_clock()
    yield check_broker_program(cache)


def check_python() -> Finding:
    """Check the interpreter. Under ``python -O`` no command comes this far."""
    version = sys.version.split()[0]
    if sys.version_info < PYTHON_MIN:
        return failed("python", version, "use Python 3.11 or later")
    return ok("python", f"{version} on {sys.platform}, assertions {'on' if __debug__ else 'off'}")


def check_extra(extra: str) -> Finding:
    """Say whether an extra is installed; none has to be."""
    name = f"extra {extra}"
    missing = [module for module in EXTRAS[extra] if not _is_there(module)]
    if missing:
        return skipped(name, f"not installed: {', '.join(missing)}")
    return ok(name, f"installed: {', '.join(EXTRAS[extra])}")


def check_clock(wall_ns: int | None = None) -> Finding:
    """Check that time is plausible and goes on; say whether somebody keeps it right."""
    wall_ns = time.time_ns() if wall_ns is None else wall_ns
    shown = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(wall_ns / NS_PER_S))
    if wall_ns < WALL_NS_MIN:
        return failed("clock", f"{shown} has long passed", "set the clock: by NTP, or an RTC")
    before_ns = time.monotonic_ns()
    time.sleep(_TICK_S)
    if time.monotonic_ns() <= before_ns:
        return failed("clock", "the monotonic clock stands still", "leases can't be kept here")
    error_s = synchronised_within_s()
    if error_s is None:
        return ok("clock", f"{shown}; whether it is synchronised is not known")
    if error_s < 0.0:
        advice = "run an NTP client: the site's computers share one time (an agent needs none)"
        return ok("clock", f"{shown}, not synchronised", advice)
    return ok("clock", f"{shown}, synchronised within {error_s:.3g} s")


def synchronised_within_s() -> float | None:
    """Give the kernel's bound on the clock's error; -1 = not synchronised, None = not known."""
    try:
        timex = _Timex()
        state = ctypes.CDLL(None).adjtimex(ctypes.byref(timex))
    except (AttributeError, OSError, TypeError):
        return None
    if state < 0:
        return None
    return -1.0 if state == _TIME_ERROR else float(timex.maxerror) * 1e-6


def check_broker_program(cache: Path) -> Finding:
    """Say which broker `lunaredge broker` would run; downloads none."""
    try:
        program = find_broker(cache, download=False)
    except TransportError:
        advice = "where a broker is to run: install mosquitto, or lunaredge[site] for amqtt"
        return skipped("broker program", "none here", advice)
    degraded = " (degraded: forgets its sessions)" if program.degraded else ""
    return ok("broker program", f"{program.kind.value} {program.version}{degraded}")


def default_cache() -> Path:
    """Give the folder in which `lunaredge demo` keeps an unpacked Mosquitto."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "lunaredge"


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False
