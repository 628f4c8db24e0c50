"""The fleet file: types of node with their figures, and the nodes of each type.

Owns the form of the file, and the checks that need only the site: where homes are. Whether a fleet
can do a work order is the scheduler's question.
"""

import math
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from lunaredge.ids import RESERVED_NAMES, NodeId
from lunaredge.model.fleet import Capability, ComputerSpec, Fleet, MachineSpec, NodeSpec
from lunaredge.model.site import Site, ZoneKind
from lunaredge.runtime.files.document import Document
from lunaredge.runtime.files.fields import (
    POINT_RULE,
    Name,
    Point,
    Written,
    name,
    number,
    positive,
    text,
    validated,
)
from lunaredge.runtime.files.limits_part import LimitsPart, limits_of, limits_table
from lunaredge.runtime.files.parsing import load_document
from lunaredge.runtime.files.polygon import distance_m, holds_point

# The scheduler's tables and the broker's sessions are sized for this many.
NODES_MAX = 256
TYPES_MAX = 64
# Clear ground between the bodies of two parked machines: both may be off their spots by the
# position error of 0.3 m and the overrun of 0.3 m that corridors allow for, and still not touch.
HOME_MARGIN_M = 1.5

# Figures that a capability makes no sense without.
_FIGURES_NEEDED = {
    "survey": ("tool_width_m", "work_speed_m_s"),
    "grade": ("tool_width_m", "work_speed_m_s"),
    "compact": ("tool_width_m", "work_speed_m_s"),
    "excavate": ("dig_kg_s", "dig_wh_kg"),
    "haul": ("payload_kg_max", "load_kg_s"),
}


class MachinePart(Written):
    """The figures of a machine."""

    length_m: Annotated[
        float, number("m", 0.1, 20, "of the body along its heading, tools included")
    ]
    width_m: Annotated[
        float, number("m", 0.1, 20, "of the body across its heading, tools included")
    ]
    mass_kg: Annotated[float, number("kg", 1, 100_000, "empty")]
    speed_m_s_max: Annotated[float, number("m/s", 0.01, 5, "on level ground")]
    turn_deg_s: Annotated[float, number("deg/s", 0.5, 90, "turning on the spot")]
    deceleration_m_s2: Annotated[
        float, number("m/s2", 0.02, 1.5, "rated: on level ground, laden; agents count on less")
    ]
    slope_deg_max: Annotated[
        float,
        number("deg", 1, 22, "steepest ground it may stand on; with slip, nothing stops on more"),
    ]
    battery_wh: Annotated[float, positive("Wh", 1e6, "full, at operating temperature")]
    reserve_wh: Annotated[
        float, positive("Wh", 1e6, "no plan goes under it; at most half of battery_wh")
    ]
    idle_w: Annotated[float, positive("W", 1e5, "standing, with heat and computing")]
    drive_w: Annotated[float, positive("W", 1e6, "at full speed on level ground, idle included")]
    charge_w: Annotated[float, positive("W", 1e6, "taken at a charge spot")]
    payload_kg_max: Annotated[float, number("kg", 0, 100_000, "carried; haul needs it")] = 0.0
    tool_width_m: Annotated[
        float, number("m", 0, 50, "covered by one pass; survey, grade and compact need it")
    ] = 0.0
    work_speed_m_s: Annotated[
        float, number("m/s", 0, 5, "along a pass; survey, grade and compact need it")
    ] = 0.0
    dig_kg_s: Annotated[float, number("kg/s", 0, 1000, "dug while digging; excavate needs it")] = (
        0.0
    )
    load_kg_s: Annotated[
        float, number("kg/s", 0, 1000, "moved while loading or dumping; haul needs it")
    ] = 0.0
    dig_wh_kg: Annotated[float, number("Wh/kg", 0, 100, "spent on digging; excavate needs it")] = (
        0.0
    )


class ComputerPart(Written):
    """The figures of a computer."""

    slots: Annotated[int, number("workloads", 1, 64, "run at the same time")]
    memory_mib: Annotated[int, number("MiB", 16, 16_777_216, "for all workloads together")]


class TypePart(Written):
    """A type of node."""

    name: Annotated[Name, name("nodes call their type by it, and screens show it; unique")]
    source: Annotated[str, text(2000, "where the figures are from, and which are assumed")]
    capabilities: Annotated[
        tuple[Literal["survey", "grade", "excavate", "haul", "compact", "compute"], ...],
        Field(
            min_length=1,
            max_length=len(Capability),
            description="a list of survey, grade, excavate, haul, compact, compute: its work",
        ),
    ]
    machine: Annotated[
        MachinePart | None, Field(description="a table of a machine's figures, if it moves")
    ] = None
    computer: Annotated[
        ComputerPart | None, Field(description="a table of a computer's figures, if it computes")
    ] = None
    limits: Annotated[
        dict[str, LimitsPart] | None, limits_table("a table of a channel's limits, by its name")
    ] = None


class NodePart(Written):
    """One node."""

    name: Annotated[Name, name("the node's level in every topic; unique, and not a reserved one")]
    type: Annotated[Name, name("one of the types of this file")]
    home: Annotated[
        Point | None, Field(description=f"{POINT_RULE}: where it parks and charges; machines only")
    ] = None
    heading_deg: Annotated[
        float, number("deg", -360, 360, "at home, counter-clockwise from east; machines only")
    ] = 0.0
    limits: Annotated[
        dict[str, LimitsPart] | None,
        limits_table("channels whose limits are other than those of its type: the whole table"),
    ] = None


class FleetPart(Written):
    """The whole fleet file."""

    types: Annotated[
        tuple[TypePart, ...],
        Field(min_length=1, max_length=TYPES_MAX, description=f"1 to {TYPES_MAX} types of node"),
    ]
    nodes: Annotated[
        tuple[NodePart, ...],
        Field(min_length=1, max_length=NODES_MAX, description=f"1 to {NODES_MAX} nodes"),
    ]


def load_fleet(path: Path, site: Site) -> Fleet:
    """Give the fleet that a file describes, checked against its site.

    Raises:
        ConfigError: the first thing in the file that can't be used.
    """
    document = load_document(path)
    part = validated(document, FleetPart)
    types: dict[str, TypePart] = {}
    for i, type_part in enumerate(part.types):
        if type_part.name in types:
            problem = "another type has this name"
            raise document.error(
                problem, ("types", i, "name"), type_part.name, "rename one of them"
            )
        _check_type(document, i, type_part)
        types[type_part.name] = type_part
    nodes: list[NodeSpec] = []
    for i, node_part in enumerate(part.nodes):
        if any(node.name == node_part.name for node in nodes):
            problem = "another node has this name"
            raise document.error(
                problem, ("nodes", i, "name"), node_part.name, "rename one of them"
            )
        _check_node(document, i, node_part, types)
        nodes.append(_node_of(document, i, node_part, types))
        _check_home(document, i, nodes, site)
    return Fleet(nodes=tuple(nodes))


def _check_type(document: Document, i: int, part: TypePart) -> None:
    if len(set(part.capabilities)) < len(part.capabilities):
        raise document.error(
            f"type {part.name} has a capability twice",
            ("types", i, "capabilities"),
            part.capabilities,
            "list each once",
        )
    needed_for: dict[str, object] = {
        word: part.computer if word == "compute" else part.machine for word in part.capabilities
    }
    for word, table in needed_for.items():
        if table is None:
            name_needed = "computer" if word == "compute" else "machine"
            raise document.error(
                f"type {part.name} can {word} but has no {name_needed}",
                ("types", i, name_needed),
                None,
                f"give a {name_needed} table, or take {word} away",
            )
    if part.machine is not None:
        _check_machine(document, i, part, part.machine)


def _check_machine(document: Document, i: int, part: TypePart, machine: MachinePart) -> None:
    for word in part.capabilities:
        for figure in _FIGURES_NEEDED.get(word, ()):
            if not getattr(machine, figure) > 0:
                raise document.error(
                    f"type {part.name} can {word} and needs a figure above 0",
                    ("types", i, "machine", figure),
                    getattr(machine, figure),
                    f"give {MachinePart.model_fields[figure].description}",
                )
    bounds = {
        # Half: a battery that is mostly reserve is a slip of the hand.
        "reserve_wh": machine.battery_wh / 2,
        "idle_w": machine.drive_w,
        "work_speed_m_s": machine.speed_m_s_max,
    }
    for figure, bound in bounds.items():
        if getattr(machine, figure) > bound:
            raise document.error(
                f"type {part.name} has too large a figure",
                ("types", i, "machine", figure),
                getattr(machine, figure),
                f"give at most {bound:g}",
            )


def _check_node(document: Document, i: int, part: NodePart, types: dict[str, TypePart]) -> None:
    if part.name in RESERVED_NAMES:
        remedy = "choose another; reserved are " + ", ".join(sorted(RESERVED_NAMES))
        raise document.error("the name is reserved", ("nodes", i, "name"), part.name, remedy)
    if part.type not in types:
        remedy = "use one of: " + ", ".join(types)
        raise document.error("there is no such type", ("nodes", i, "type"), part.type, remedy)
    moves = types[part.type].machine is not None
    if moves != (part.home is not None):
        problem = f"{part.name} is {'' if moves else 'not '}a machine"
        remedy = "give every machine a home, and no other node"
        raise document.error(problem, ("nodes", i, "home"), part.home, remedy)


def _check_home(document: Document, i: int, nodes: list[NodeSpec], site: Site) -> None:
    """Check the newest node's home against the site and the homes before it."""
    node = nodes[-1]
    if node.home is None or node.machine is None:
        return
    fault, remedy = "", ""
    reach_m = node.machine.radius_m
    terrain = site.terrain
    room_m = terrain.cell_m * min(terrain.columns, terrain.rows)
    if 2 * reach_m > room_m:
        problem = f"{node.name} is larger than its site, which is {room_m:g} m at its narrowest"
        remedy = "correct length_m and width_m of its type, in metres, or the site's terrain"
        raise document.error(problem, ("nodes", i, "type"), node.kind, remedy)
    if not holds_point(site.boundary, node.home):
        fault, remedy = "is outside the site's boundary", "move it inside"
    elif not any(
        zone.kind is ZoneKind.CHARGE and holds_point(zone.polygon, node.home) for zone in site.zones
    ):
        fault, remedy = "is in no charge zone", "move it into one, or draw one around it"
    for zone in site.zones:
        if zone.kind is ZoneKind.KEEP_OUT and distance_m(zone.polygon, node.home) < reach_m:
            fault = f"puts its body into keep-out zone {zone.name}"
            remedy = f"keep {reach_m:.2f} m away from it"
    for other in nodes[:-1]:
        if other.home is None or other.machine is None:
            continue
        apart_m = reach_m + other.machine.radius_m + HOME_MARGIN_M
        if math.dist(node.home, other.home) < apart_m:
            fault = f"is too near to the home of {other.name}"
            remedy = f"keep them {apart_m:.2f} m apart"
    if fault:
        problem = f"the home of {node.name} {fault}"
        raise document.error(problem, ("nodes", i, "home"), list(node.home), remedy)


def _node_of(document: Document, i: int, part: NodePart, types: dict[str, TypePart]) -> NodeSpec:
    type_part = types[part.type]
    machine, computer = type_part.machine, type_part.computer
    is_machine = machine is not None
    type_key = ("types", list(types).index(part.type))
    limits = limits_of(document, type_key, type_part.limits, is_machine=is_machine)
    limits |= limits_of(document, ("nodes", i), part.limits, is_machine=is_machine)
    return NodeSpec(
        name=NodeId(part.name),
        kind=type_part.name,
        capabilities=tuple(Capability(word) for word in type_part.capabilities),
        machine=None if machine is None else MachineSpec(**machine.model_dump()),
        computer=None if computer is None else ComputerSpec(**computer.model_dump()),
        home=part.home,
        heading_rad=math.radians(part.heading_deg),
        limits=limits,
    )
