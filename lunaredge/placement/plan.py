"""Plans: who does what and when, how good that is, and who waits for what."""

import enum

import msgspec


class Cause(enum.StrEnum):
    """What a task that starts later than its node could otherwise start it waits for."""

    NOTHING = "nothing"
    RELEASE = "release"
    APPROVAL = "approval"
    READY = "ready"
    ORDER = "order"
    PARTNER = "partner"
    NODE = "node"
    TRAVEL = "travel"
    CHARGE = "charge"
    POST = "post"
    BUS = "bus"
    LIGHT = "light"


class Wait(msgspec.Struct, frozen=True, kw_only=True):
    """What decided when a task starts, and whose: the last of all that it waits for."""

    cause: Cause
    task: str = ""
    """The task that it waits for, where it is one."""


class Charge(msgspec.Struct, frozen=True, kw_only=True):
    """A machine fills its battery before a task."""

    place: int
    begin_s: int
    end_s: int
    energy_j: int


class Placed(msgspec.Struct, frozen=True, kw_only=True):
    """A task with its node and times."""

    task: str
    node: str
    start_s: int
    end_s: int
    energy_j: int
    """For the task itself."""
    travel_s: int = 0
    """All that its machine makes for it, the way to a charger included."""
    travel_j: int = 0
    charge: Charge | None = None
    level_j: int | None = None
    """What is left in its machine's battery at the end; None for computers."""
    wait: Wait = Wait(cause=Cause.NOTHING)


class Score(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """How good a plan is: compared by the first number, then by the second; smaller is better."""

    late_s: int
    """Weighted tardiness."""
    cost_j: int


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A plan: tasks in the order of the problem."""

    placed: tuple[Placed, ...]
    unplaced: tuple[str, ...]
    score: Score
