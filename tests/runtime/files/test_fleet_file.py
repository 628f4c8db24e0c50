import math

import pytest

from lunaredge.errors import ConfigError
from lunaredge.ids import RESERVED_NAMES
from lunaredge.model.fleet import Capability
from lunaredge.model.limits import ChannelLimits
from lunaredge.runtime.files.fleet_file import HOME_MARGIN_M, load_fleet
from lunaredge.runtime.files.site_file import load_site
from tests.runtime.files.writing import FLEET, write, write_site

SCOUT_RADIUS_M = math.hypot(1.4, 0.8) / 2


@pytest.fixture
def site(tmp_path):
    return load_site(write_site(tmp_path))


def refusal(path, site):
    with pytest.raises(ConfigError) as caught:
        load_fleet(path, site)
    assert "\n" not in str(caught.value)
    return caught.value


def test_nodes_get_the_figures_of_their_type(tmp_path, site):
    fleet = load_fleet(write(tmp_path / "fleet.toml", FLEET), site)

    scout, computer = fleet.node("scout-2"), fleet.node("dc-1")
    assert (scout.kind, scout.capabilities, scout.home) == ("scout", (Capability.SURVEY,), (20, 10))
    assert scout.heading_rad == pytest.approx(math.pi / 2)
    assert (scout.machine.mass_kg, scout.machine.payload_kg_max) == (30.0, 0.0)
    assert scout.computer is None
    assert (computer.machine, computer.home) == (None, None)
    assert (computer.computer.slots, computer.computer.memory_mib) == (2, 1024)


@pytest.mark.parametrize(
    ("old", "new", "key", "problem"),
    [
        ('name = "scout-2"', 'name = "scout-1"', "nodes[1].name", "another node"),
        ('name = "computer"', 'name = "scout"', "types[1].name", "another type"),
        ('type = "computer"', 'type = "board"', "nodes[2].type", "no such type"),
        ("home = [20, 10]\n", "", "nodes[1].home", "is a machine"),
        ('type = "computer"', 'type = "computer"\nhome = [5, 5]', "nodes[2].home", "not a machine"),
        ("home = [20, 10]", "home = [60, 10]", "nodes[1].home", "outside the site's boundary"),
        ("home = [20, 10]", "home = [20, 16]", "nodes[1].home", "in no charge zone"),
        ("mass_kg = 30", "mass_kg = -30", "types[0].machine.mass_kg", "greater than or equal"),
        ("mass_kg = 30", "mass_kg = inf", "types[0].machine.mass_kg", "finite"),
        ("mass_kg = 30\n", "", "types[0].machine.mass_kg", "missing"),
        ("reserve_wh = 270", "reserve_wh = 700", "types[0].machine.reserve_wh", "too large"),
        ("idle_w = 30", "idle_w = 80", "types[0].machine.idle_w", "too large"),
        ("speed_m_s = 0.3", "speed_m_s = 0.4", "types[0].machine.work_speed_m_s", "too large"),
        ("tool_width_m = 5.0\n", "", "types[0].machine.tool_width_m", "can survey and needs"),
        ('["survey"]', '["survey", "haul"]', "types[0].machine.payload_kg_max", "can haul"),
        ('["survey"]', '["survey", "compute"]', "types[0].computer", "has no computer"),
        ('["compute"]', '["compute", "grade"]', "types[1].machine", "has no machine"),
        ('["survey"]', '["survey", "survey"]', "types[0].capabilities", "twice"),
        ('["survey"]', "[]", "types[0].capabilities", "at least 1"),
        ('["survey"]', '["dance"]', "types[0].capabilities[0]", "should be 'survey'"),
        ("slots = 2", "slots = 2.5", "types[1].computer.slots", "integer"),
    ],
)
def test_a_fleet_that_cannot_be_is_refused_by_its_key(tmp_path, site, old, new, key, problem):
    error = refusal(write(tmp_path / "fleet.toml", FLEET, old, new), site)

    assert error.key == key
    assert problem in error.problem
    assert error.remedy


LIMITED = """work_speed_m_s = 0.3

[types.limits]
battery_wh = { warning_low = 280, critical_low = 140, hysteresis = 14 }
motor_c = { warning_high = 100, latching = true }
"""
OF_NODE = """[nodes.limits]
motor_c = { critical_high = 90 }
"""


def test_nodes_get_the_limits_of_their_type_and_their_own_in_place_of_them(tmp_path, site):
    text = FLEET.replace("work_speed_m_s = 0.3\n", LIMITED)
    path = write(
        tmp_path / "fleet.toml", text, "heading_deg = 90\n", f"heading_deg = 90\n{OF_NODE}"
    )

    fleet = load_fleet(path, site)

    battery = ChannelLimits(warning_low=280.0, critical_low=140.0, hysteresis=14.0, unit="Wh")
    assert fleet.node("scout-1").limits == {
        "battery_wh": battery,
        "motor_c": ChannelLimits(warning_high=100.0, latching=True, unit="degC"),
    }
    assert fleet.node("scout-2").limits == {
        "battery_wh": battery,
        "motor_c": ChannelLimits(critical_high=90.0, unit="degC"),
    }
    assert fleet.node("dc-1").limits == {}


@pytest.mark.parametrize(
    ("old", "new", "key", "problem", "remedy"),
    [
        ("motor_c", "motor_k", "motor_k", "no machine measures", "did you mean motor_c?"),
        ("critical_low = 140", "critical_low = 300", "battery_wh.critical_low", "before", "280"),
        ("warning_high = 100", "warning_hi = 100", "motor_c.warning_hi", "not known", "did you"),
        ("warning_high = 100, ", "", "motor_c", "there is no limit", "at least one"),
        ("warning_high = 100", "warning_high = inf", "motor_c.warning_high", "finite", "unit"),
        (
            "hysteresis = 14",
            'hysteresis = "14"',
            "battery_wh.hysteresis",
            "number",
            "so far inside",
        ),
    ],
)
def test_limits_that_cannot_be_are_refused_by_their_key(
    tmp_path, site, old, new, key, problem, remedy
):
    text = FLEET.replace("work_speed_m_s = 0.3\n", LIMITED)

    error = refusal(write(tmp_path / "fleet.toml", text, old, new), site)

    assert error.key == f"types[0].limits.{key}"
    assert problem in error.problem
    assert remedy in error.remedy


def test_a_computer_has_no_motor_to_limit(tmp_path, site):
    text = f"{FLEET}[nodes.limits]\nmotor_c = {{ warning_high = 90 }}\n"

    error = refusal(write(tmp_path / "fleet.toml", text), site)

    assert error.key == "nodes[2].limits.motor_c"
    assert error.problem == "no computer measures such a channel"


@pytest.mark.parametrize("reserved", sorted(RESERVED_NAMES))
def test_no_node_takes_a_reserved_name(tmp_path, site, reserved):
    path = write(tmp_path / "fleet.toml", FLEET, 'name = "dc-1"', f'name = "{reserved}"')

    assert refusal(path, site).problem == "the name is reserved"


def test_homes_keep_both_bodies_and_the_margin_apart(tmp_path, site):
    apart_m = 2 * SCOUT_RADIUS_M + HOME_MARGIN_M
    near = f"home = [{10 + apart_m - 0.01}, 10]"
    far = f"home = [{10 + apart_m + 0.01}, 10]"

    load_fleet(write(tmp_path / "far.toml", FLEET, "home = [20, 10]", far), site)
    error = refusal(write(tmp_path / "near.toml", FLEET, "home = [20, 10]", near), site)

    assert "too near to the home of scout-1" in error.problem


def test_a_machine_larger_than_its_site_is_a_slip_in_its_figures(tmp_path):
    narrow = write_site(tmp_path, "height_m = 40.0", "height_m = 15.0")
    text = narrow.read_text().replace(", 39]", ", 14]").replace("30], [30, 30]", "14], [30, 14]")
    narrow.write_text(
        text.replace("[30, 20], [40, 20]", "[30, 12], [40, 12]").replace(", 15]", ", 11]")
    )
    fleet = write(tmp_path / "fleet.toml", FLEET, "length_m = 1.4", "length_m = 16")

    error = refusal(fleet, load_site(narrow))

    assert "scout-1 is larger than its site, which is 15 m at its narrowest" in error.problem
    assert "length_m" in error.remedy


def test_a_home_keeps_its_whole_body_out_of_keep_out_zones(tmp_path):
    clear = write_site(tmp_path, "[30, 20], [40, 20]", f"[30, {10.01 + SCOUT_RADIUS_M}], [40, 20]")
    site = load_site(clear)
    fleet = write(tmp_path / "fleet.toml", FLEET, "home = [20, 10]", "home = [30, 10]")
    assert load_fleet(fleet, site)

    blocked = write_site(tmp_path, "[30, 20], [40, 20]", f"[30, {9.99 + SCOUT_RADIUS_M}], [40, 20]")

    assert "keep-out zone hole" in refusal(fleet, load_site(blocked)).problem
