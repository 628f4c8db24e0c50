"""Why a node may not move: every condition in one place, strongest first.

Pure. The pilot gathers the facts and obeys the answer; there is no other way to a `Follow`.
"""

import enum

import msgspec

from lunaredge.agent.states import Event, State


class Blocker(enum.Enum):
    """What forbids motion; the value is the word in notes and events."""

    UNPROVEN = "unproven"
    LOCKOUT = "lockout"
    STOP = "stop"
    SENSOR = "sensor"
    BATTERY = "battery"
    BRAKES = "brakes"
    CORRIDOR = "corridor"
    HOLD = "hold"
    CLOCK = "clock"
    POSE = "pose"
    LEASE = "lease"
    REACH = "reach"


INTERRUPTION = {
    Blocker.LOCKOUT: (State.LOCKED, Event.LOCK),
    Blocker.STOP: (State.STOPPED, Event.STOP),
    Blocker.SENSOR: (State.SAFE, Event.FAIL),
    Blocker.BATTERY: (State.SAFE, Event.FAIL),
    Blocker.BRAKES: (State.SAFE, Event.FAIL),
    Blocker.CORRIDOR: (State.SAFE, Event.FAIL),
    Blocker.HOLD: (State.HOLDING, Event.HOLD),
    Blocker.CLOCK: (State.HOLDING, Event.HOLD),
    Blocker.POSE: (State.HOLDING, Event.HOLD),
    Blocker.LEASE: (State.HOLDING, Event.HOLD),
    Blocker.REACH: (State.HOLDING, Event.HOLD),
}
"""The state that each blocker puts a proven node in, and the event that leads there."""


USED_UP = frozenset({Blocker.CLOCK, Blocker.LEASE, Blocker.REACH})
"""What ends work out of reach, and not the way home: that has a lifetime of its own, which needs
no site time."""


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What the permission to move is judged on."""

    proven: bool
    """A census of this boot gave the epoch."""
    locked: bool
    """A person has hung a tag on it."""
    stopped: bool
    sensed: bool
    """A driver is attached and its last sample is fresh."""
    battery_low: bool
    brakes_good: bool
    """The machine vouches for enough of its brakes to be driven at all."""
    strayed: bool
    """The machine left its corridor and has not given the authority up yet."""
    held: bool
    tasked: bool
    """A machine task is in hand; without one the rest doesn't matter."""
    clock_good: bool
    leased: bool
    lease_live: bool
    stops_on_loss: bool
    """The lease is not to be used up while the scheduler is out of reach."""
    pose_good: bool
    """The pose is as good as the lease was computed for."""
    reachable: bool
    way_home: bool
    """Long out of reach, and the way home may be taken."""


def blocker(facts: Facts) -> Blocker | None:
    """Give the strongest reason not to move, or None."""
    reason = _blocks_always(facts)
    return _blocks_work(facts) if reason is None and facts.tasked else reason


def _blocks_always(facts: Facts) -> Blocker | None:
    if not facts.proven:
        return Blocker.UNPROVEN
    if facts.locked:
        return Blocker.LOCKOUT
    if facts.stopped:
        return Blocker.STOP
    if not facts.sensed:
        return Blocker.SENSOR
    if facts.battery_low:
        return Blocker.BATTERY
    if not facts.brakes_good:
        return Blocker.BRAKES
    if facts.strayed:
        return Blocker.CORRIDOR
    return Blocker.HOLD if facts.held else None


def _blocks_work(facts: Facts) -> Blocker | None:
    """Give what forbids motion with a task in hand, or None."""
    if not facts.clock_good:
        return Blocker.CLOCK
    if facts.leased and not facts.pose_good:
        return Blocker.POSE
    if facts.leased and not facts.lease_live:
        return Blocker.LEASE
    # Out of reach, a live lease may be used up (A2) if it says so.
    lost = not facts.reachable and (facts.stops_on_loss or not facts.leased)
    return Blocker.REACH if lost else None


def goes_home(facts: Facts) -> bool:
    """Tell whether nothing is left to do but to go home, and nothing forbids that."""
    return facts.way_home and facts.pose_good and blocker(facts) in USED_UP
