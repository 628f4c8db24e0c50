"""The fleet: bodies and names."""

import pytest

from lunaredge.ids import NodeId
from lunaredge.model.fleet import Capability, ComputerSpec, Fleet, MachineSpec, NodeSpec

BODY = MachineSpec(
    length_m=4.0,
    width_m=3.0,
    mass_kg=600.0,
    speed_m_s_max=0.5,
    turn_deg_s=10.0,
    deceleration_m_s2=0.2,
    slope_deg_max=15.0,
    payload_kg_max=100.0,
    battery_wh=5000.0,
    reserve_wh=1000.0,
    idle_w=80.0,
    drive_w=400.0,
    charge_w=1000.0,
    tool_width_m=1.0,
    work_speed_m_s=0.2,
    dig_kg_s=1.0,
    load_kg_s=2.0,
    dig_wh_kg=0.1,
)


def test_the_radius_holds_the_body_at_any_heading() -> None:
    assert BODY.radius_m == pytest.approx(2.5)


def test_a_node_is_found_by_its_name() -> None:
    rack = NodeSpec(
        name=NodeId("rack-1"),
        kind="computer",
        capabilities=(Capability.COMPUTE,),
        computer=ComputerSpec(slots=2, memory_mib=4096),
    )
    fleet = Fleet(nodes=(rack,))

    assert fleet.node("rack-1") is rack
    assert fleet.node("rack-2") is None
