"""What is to be placed, and on what: the values of a placement problem.

Owns the words and their limits. What each of them asks of a plan is told in
docs/explanation/placement.md; `sheet` checks the values and makes arrays of them.

All times are whole seconds after the plan's origin, all energies whole joules: so a plan is exact,
the same on every machine, and checked without any tolerance.
"""

import enum
from typing import Annotated

import msgspec

# Two years, and 300 kWh: weighted sums over 100,000 tasks stay in 64 bits.
HORIZON_S_MAX = 1 << 26
ENERGY_J_MAX = 1 << 40
POWER_W_MAX = 10_000_000
AMOUNT_MAX = 1 << 40
WEIGHT_MAX = 1 << 16
TASKS_MAX = 131_072
NODES_MAX = 16_384
PLACES_MAX = 4_096
KINDS_MAX = 256
FAMILIES_MAX = 256

Seconds = Annotated[int, msgspec.Meta(ge=0, le=HORIZON_S_MAX)]
Moment = Annotated[int, msgspec.Meta(ge=-HORIZON_S_MAX, le=HORIZON_S_MAX)]
Duration = Annotated[int, msgspec.Meta(ge=1, le=HORIZON_S_MAX)]
Joules = Annotated[int, msgspec.Meta(ge=0, le=ENERGY_J_MAX)]
Watts = Annotated[int, msgspec.Meta(ge=0, le=POWER_W_MAX)]
Amount = Annotated[int, msgspec.Meta(ge=0, le=AMOUNT_MAX)]
Percent = Annotated[int, msgspec.Meta(ge=1, le=100)]
Weight = Annotated[int, msgspec.Meta(ge=1, le=WEIGHT_MAX)]
Index = Annotated[int, msgspec.Meta(ge=0, le=PLACES_MAX)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class Level(enum.Enum):
    """How far apart replicas must be."""

    NODE = "node"
    BOARD = "board"
    RACK = "rack"


class Resources(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much of each resource a task needs while it runs, or a node has."""

    cpu_mcores: Amount = 0
    memory_mib: Amount = 0
    storage_mib: Amount = 0
    accelerators: Amount = 0
    tools: Amount = 0
    payload_kg: Amount = 0
    power_w: Amount = 0
    link_kbit_s: Amount = 0


class Mode(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a task asks of one kind of node in full health."""

    kind: Name
    duration_s: Duration
    energy_j: Joules = 0


class After(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A task that must have ended, and how long before."""

    task: Name
    lag_s: Seconds = 0


class Apart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Tasks of one group run in different failure domains."""

    group: Name
    level: Level = Level.NODE


class Current(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a task runs, or was to run by the plan before."""

    node: Name
    move_j: Joules = 0
    """What it costs to give it to another node."""
    left_s: Duration | None = None
    """It runs: how long it still takes if it stays there. None: it has not started."""
    left_j: Joules = 0
    """And what that takes."""
    is_fixed: bool = False
    """It runs, and can be neither moved nor put off."""


class Task(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A task. Which of its fields count on which node is told where they are explained."""

    id: Name
    modes: tuple[Mode, ...]
    """At most one for each kind of node; on other kinds it can't be done."""
    needs: Resources = Resources()
    capabilities: tuple[Name, ...] = ()
    weight: Weight = 1
    """What a second of its tardiness counts."""
    release_s: Moment = 0
    due_s: Moment = 0
    """Later than this it is tardy."""
    latest_s: Moment | None = None
    """Later than this it may not end; None: any time within the horizon."""
    approved_s: Moment | None = 0
    """From when on it has Earth's approval, as expected; None: nobody knows when."""
    place: Index | None = None
    """Where it starts; tasks of computers have none."""
    end_place: Index | None = None
    """Where it ends; None: where it starts."""
    family: Name = "any"
    """What its machine must be set up for."""
    needs_light: bool = False
    after: tuple[After, ...] = ()
    meets: Name | None = None
    """The task of another node with which it starts at the same instant: a hand-over."""
    only_on: tuple[Name, ...] = ()
    not_on: tuple[Name, ...] = ()
    apart: Apart | None = None
    health_pct_min: Percent = 1
    current: Current | None = None


class Machine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a node that moves has besides: a place, a battery, a set-up."""

    mover: Name
    """Whose travel times and energies it has."""
    place: Index
    """Where it stands when it is ready."""
    battery_j: Joules
    charge_j: Joules
    """In the battery when it is ready."""
    reserve_j: Joules = 0
    reserve_dark_j: Joules = 0
    """Where more than the reserve, it counts after work in the dark."""
    idle_w: Watts = 0
    """While it waits or is set up."""
    heat_w: Watts = 0
    """In the dark, whatever it does, on top."""
    charge_w: Annotated[int, msgspec.Meta(ge=1, le=POWER_W_MAX)]
    """What it draws from the site's bus while it charges, all of it into the battery."""
    family: Name = "any"


class Node(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A node: a machine that does one task at a time, or a computer that runs several."""

    id: Name
    kind: Name
    capabilities: tuple[Name, ...] = ()
    has: Resources = Resources()
    ready_s: Seconds = 0
    """Before this it does nothing."""
    health_pct: Percent = 100
    """What takes 100 s in full health takes 125 s at 80 %."""
    board: str = ""
    rack: str = ""
    """Failure domains; empty: one of its own."""
    is_on_bus: bool = True
    """A computer's power comes from the site's bus. Of machines only the charging does."""
    machine: Machine | None = None


class Charger(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Charging posts side by side at one place."""

    place: Index
    posts: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 1


class Ceiling(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the site's bus can give from a moment on."""

    from_s: Seconds
    power_w: Watts


class Window(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """From a moment on until before another."""

    from_s: Moment
    until_s: Moment


class Setup(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long a machine takes from being set up for one family of tasks to another."""

    source: Name
    target: Name
    duration_s: Seconds


class Problem(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A placement problem; `Travel` goes with it."""

    tasks: tuple[Task, ...]
    nodes: tuple[Node, ...]
    horizon_s: Duration
    """No task may end later."""
    chargers: tuple[Charger, ...] = ()
    bus: tuple[Ceiling, ...] = ()
    """By time, the first from 0; empty: no limit."""
    darkness: tuple[Window, ...] = ()
    """By time, apart from each other."""
    setups: tuple[Setup, ...] = ()
    """From one family to another; pairs that are not named take no time."""
    travel_j_s: Watts = 0
    """What each second of travel costs besides its energy: wear."""


def posts_of(problem: Problem) -> dict[int, int]:
    """Give how many posts there are at each place that has a charger."""
    posts: dict[int, int] = {}
    for charger in problem.chargers:
        posts[charger.place] = posts.get(charger.place, 0) + charger.posts
    return posts


def is_fixed(task: Task) -> bool:
    """Tell whether a task can be neither moved nor put off."""
    return task.current is not None and task.current.is_fixed


def end_of(task: Task) -> int | None:
    """Give where a task ends."""
    return task.place if task.end_place is None else task.end_place
