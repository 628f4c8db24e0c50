"""Machines as a scene file gives them: outline, drive, limits.

Owns the keys and their ranges. What follows from the figures is `paths.machine`'s.
"""

import math
from typing import Annotated, Any, Literal

from pydantic import Field

from lunaredge.errors import ConfigError
from lunaredge.kernels.convex import CORNERS_MAX
from lunaredge.paths.footprint import PARTS_MAX, Footprint, Part
from lunaredge.paths.machine import Drive, Machine, Power, Stability, Traction
from lunaredge.runtime.files.document import Document, KeyPath
from lunaredge.runtime.files.fields import Name, Written, name, number, positive
from lunaredge.runtime.files.route_placing import placed

_Length = Annotated[float, Field(ge=-1000, le=1000)]


# Said here: in the class below, its default hides the function.
_PIECE = name("of the piece, for people")


class OutlinePart(Written):
    """One convex piece of a machine."""

    name: Annotated[Name, _PIECE] = "body"
    corners: Annotated[
        tuple[tuple[_Length, _Length], ...],
        Field(
            min_length=1,
            max_length=CORNERS_MAX,
            description=f"1 to {CORNERS_MAX} corners of a convex piece in order, each [x, y] in m, "
            "x forward and y left of the place that a pose names; one is a point, two are a rod",
        ),
    ]
    margin_m: Annotated[float, number("m", 0, 100, "added all around, rounded")] = 0.0
    low_m: Annotated[float, number("m", -100, 1000, "above ground; lower things pass below")] = 0.0
    high_m: Annotated[
        float | None,
        number("m", -100, 1000, "above ground; higher things pass above; no end, if left out"),
    ] = None


class StabilityPart(Written):
    """What decides when a machine tips over."""

    track_m: Annotated[float, positive("m", 100, "between left and right wheels")]
    wheelbase_m: Annotated[float, positive("m", 100, "between front and rear axle")]
    centre_height_m: Annotated[
        float, positive("m", 100, "of the empty machine's centre of mass over the ground")
    ]
    centre_ahead_m: Annotated[
        float, number("m", -50, 50, "of the wheels' middle; negative toward the back")
    ] = 0.0
    payload_height_m: Annotated[
        float, positive("m", 100, "of the payload's centre of mass over the ground")
    ] = 1.0


class TractionPart(Written):
    """Grip and slip on regolith."""

    friction_ratio: Annotated[float, number("ratio", 0, 10, "grip to weight")] = 0.75
    slip_ratio_level: Annotated[float, number("ratio", 0, 0.9, "slip on the level")] = 0.02
    slip_ratio_deg2: Annotated[
        float, number("ratio", 0, 1, "slip that each square degree of slope adds")
    ] = 0.00085
    health_ratio: Annotated[
        float, number("ratio", 0, 1, "share of the friction that worn wheels still have")
    ] = 1.0


class PowerPart(Written):
    """What a machine draws."""

    idle_w: Annotated[float, number("W", 0, 1e6, "standing")] = 40.0
    drive_w: Annotated[
        float, number("W", 0, 1e6, "at full speed on the level, idling included")
    ] = 150.0
    climb_efficiency_ratio: Annotated[
        float, number("ratio", 0.01, 1, "of the energy of a climb, what lifts the machine")
    ] = 0.6


class DriverPart(Written):
    """A machine: an outline by its parts or as a rectangle, a drive, and limits."""

    name: Annotated[Name, name("routes and requests call the machine by it; unique")]
    footprint: Annotated[
        tuple[OutlinePart, ...] | None,
        Field(
            min_length=1,
            max_length=PARTS_MAX,
            description=f"1 to {PARTS_MAX} convex parts; or length_m and width_m in their place",
        ),
    ] = None
    length_m: Annotated[float | None, positive("m", 1000, "of a rectangle, along the heading")] = (
        None
    )
    width_m: Annotated[float | None, positive("m", 1000, "of it, across the heading")] = None
    ahead_m: Annotated[
        float, number("m", -500, 500, "of the place that a pose names, the rectangle's middle")
    ] = 0.0
    margin_m: Annotated[float, number("m", 0, 100, "added around the rectangle, rounded")] = 0.0
    drive: Annotated[
        Literal["skid", "ackermann", "crab"],
        Field(
            description="skid (turns on the spot), ackermann (turns with a least radius) or crab "
            "(any way at any heading)"
        ),
    ] = "skid"
    radius_m_min: Annotated[
        float | None, positive("m", 1000, "least turning radius, for ackermann, and only there")
    ] = None
    reverses: Annotated[bool, Field(description="true or false: it drives backward too")] = True
    speed_m_s_max: Annotated[float, positive("m/s", 100, "on level ground")]
    turn_deg_s_max: Annotated[float, positive("deg/s", 3600, "of the heading")]
    acceleration_m_s2: Annotated[float, positive("m/s2", 100, "on level ground")] = 0.25
    deceleration_m_s2: Annotated[float, positive("m/s2", 100, "guaranteed on level ground")] = 0.25
    reaction_s: Annotated[float, number("s", 0, 60, "from a stop order to the brakes' hold")] = 0.5
    slope_along_deg_max: Annotated[float, number("deg", 0, 89, "pitch it may have")] = 15.0
    slope_across_deg_max: Annotated[float, number("deg", 0, 89, "roll it may have")] = 15.0
    step_m_max: Annotated[
        float | None, number("m", 0, 100, "highest step it climbs; never checked, if left out")
    ] = None
    roughness_m_max: Annotated[
        float | None, number("m", 0, 100, "roughest ground; never checked, if left out")
    ] = None
    mass_kg: Annotated[float, positive("kg", 1e6, "empty")] = 100.0
    payload_kg: Annotated[float, number("kg", 0, 1e6, "carried")] = 0.0
    stability: Annotated[
        StabilityPart | None,
        Field(description="a table of wheels and centre of mass; tipping is never checked without"),
    ] = None
    traction: Annotated[TractionPart, Field(description="a table of grip and slip")] = (
        TractionPart()
    )
    power: Annotated[PowerPart, Field(description="a table of powers")] = PowerPart()


# Keys that Machine takes under the same name and in the same unit.
_SAME = (
    "reverses",
    "speed_m_s_max",
    "acceleration_m_s2",
    "deceleration_m_s2",
    "reaction_s",
    "slope_along_deg_max",
    "slope_across_deg_max",
    "mass_kg",
    "payload_kg",
)


def machine_of(document: Document, key: KeyPath, part: DriverPart) -> Machine:
    """Give the machine that a table describes.

    Raises:
        ConfigError: no outline or two, a radius where none belongs, a figure no machine has.
    """
    footprint = _footprint_of(document, key, part)
    if (part.drive == "ackermann") != (part.radius_m_min is not None):
        raise _wrong(document, key, part, "radius_m_min", f"the drive is {part.drive}")
    with placed(document, key):
        return Machine(
            footprint=footprint,
            drive=Drive(part.drive),
            radius_m_min=part.radius_m_min or 0.0,
            turn_rad_s_max=math.radians(part.turn_deg_s_max),
            step_m_max=math.inf if part.step_m_max is None else part.step_m_max,
            roughness_m_max=math.inf if part.roughness_m_max is None else part.roughness_m_max,
            stability=None if part.stability is None else Stability(**part.stability.model_dump()),
            traction=Traction(**part.traction.model_dump()),
            power=Power(**part.power.model_dump()),
            **{same: getattr(part, same) for same in _SAME},
        )


def _footprint_of(document: Document, key: KeyPath, part: DriverPart) -> Footprint:
    has_sides = part.length_m is not None or part.width_m is not None
    if part.footprint is not None:
        for rest in ("length_m", "width_m", "ahead_m", "margin_m"):
            if rest in part.model_fields_set:
                raise _wrong(document, key, part, rest, "the footprint is given by its parts")
        return Footprint(
            *(
                _piece_of(document, (*key, "footprint", i), piece)
                for i, piece in enumerate(part.footprint)
            )
        )
    if not has_sides:
        raise _wrong(document, key, part, "footprint", "the machine has no outline")
    for side in ("length_m", "width_m"):
        if getattr(part, side) is None:
            raise _wrong(document, key, part, side, "a rectangle has two sides")
    assert part.length_m is not None
    assert part.width_m is not None
    with placed(document, key):
        return Footprint.rectangle(
            part.length_m, part.width_m, ahead_m=part.ahead_m, margin_m=part.margin_m
        )


def _piece_of(document: Document, key: KeyPath, piece: OutlinePart) -> Part:
    with placed(document, key):
        return Part(
            name=piece.name,
            corners=piece.corners,
            margin_m=piece.margin_m,
            low_m=piece.low_m,
            high_m=math.inf if piece.high_m is None else piece.high_m,
        )


def _wrong(
    document: Document, key: KeyPath, part: DriverPart, name: str, problem: str
) -> ConfigError:
    fields: dict[str, Any] = DriverPart.model_fields
    found = getattr(part, name)
    verb = "give" if found is None else "remove it; it is"
    remedy = f"{verb} {fields[name].description}"
    return document.error(problem, (*key, name), found, remedy)
