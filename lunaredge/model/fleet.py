"""The fleet: what each node is and can do. Figures come from the site's fleet file."""

import enum
import math

import msgspec

from lunaredge.ids import NodeId
from lunaredge.model.limits import ChannelLimits

# From a machine's centre to the nearest ground it works on: body, boom and a stand-off.
REACH_M = 8.0


class Capability(enum.Enum):
    """A kind of work that a node can be given."""

    SURVEY = "survey"
    GRADE = "grade"
    EXCAVATE = "excavate"
    HAUL = "haul"
    COMPACT = "compact"
    COMPUTE = "compute"


class MachineSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A node that moves: body, drive, energy, tool."""

    length_m: float
    width_m: float
    mass_kg: float
    speed_m_s_max: float
    turn_deg_s: float
    deceleration_m_s2: float
    """Rated: on level ground, dry regolith, with the full load; `model.braking` derates it."""
    slope_deg_max: float
    payload_kg_max: float
    battery_wh: float
    reserve_wh: float
    """No plan may bring the battery under this."""
    idle_w: float
    drive_w: float
    """At full speed on level ground, idle included."""
    charge_w: float
    tool_width_m: float
    work_speed_m_s: float
    """Along a coverage pass."""
    dig_kg_s: float
    load_kg_s: float
    dig_wh_kg: float

    @property
    def radius_m(self) -> float:
        """Radius of the circle about the body's centre that holds it at any heading."""
        return 0.5 * math.hypot(self.length_m, self.width_m)


class ComputerSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A node that computes."""

    slots: int
    """Workloads it may run at the same time."""
    memory_mib: int


class NodeSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One node of the fleet. ``machine`` is None for a data-centre computer."""

    name: NodeId
    kind: str
    """Free text for people: "excavator", "hauler"."""
    capabilities: tuple[Capability, ...]
    machine: MachineSpec | None = None
    computer: ComputerSpec | None = None
    home: tuple[float, float] | None = None
    """Where it parks and charges; machines only."""
    heading_rad: float = 0.0
    """Heading at its home when the site starts, counter-clockwise from east."""
    limits: dict[str, ChannelLimits] = {}
    """By the name of the telemetry channel."""


class Fleet(msgspec.Struct, frozen=True, kw_only=True):
    """Every node enrolled at the site."""

    nodes: tuple[NodeSpec, ...]

    def node(self, name: str) -> NodeSpec | None:
        """Give the node of that name, or None."""
        return next((node for node in self.nodes if node.name == name), None)
