"""How far a machine rolls beyond its stop point: every authority makes room for it."""

import msgspec
import pytest

from lunaredge.wire import messages
from tests.scheduler.drives import beat, led_off
from tests.scheduler.plain_site import plain_fleet
from tests.scheduler.rig import Site

FAST_M_S = 3.0


def granted(**word: float) -> messages.Grant:
    """Grader-1, ten times as fast as the others, is granted its way by what it says of itself."""
    fleet = plain_fleet()
    nodes = [
        msgspec.structs.replace(
            spec, machine=msgspec.structs.replace(spec.machine, speed_m_s_max=FAST_M_S)
        )
        if spec.name == "grader-1"
        else spec
        for spec in fleet.nodes
    ]
    site = Site(fleet=msgspec.structs.replace(fleet, nodes=tuple(nodes)))
    site.census()
    site.say("grader-1", beat(site.situation("grader-1", **word)))
    return led_off(site)


# By hand. It plans to brake with its rated 0.3 m/s2, given with its 66 kg and a full load of 80 kg.
# Of that its brakes give 80 %, by its load: b = 0.24 m/s2 laden, 0.5309 m/s2 empty. At health h it
# goes h v, and rolls (h v)2/2 (1/(h b) - 1/0.3) too far: most at h = 0.15/b, so at 0.625 laden and
# 0.2825 empty, or at the health told where that is less.
@pytest.mark.parametrize(
    ("payload_kg", "brake_ratio", "overlap_m", "speed_m_s"),
    [(0.0, 1.0, 1.197, 1.939), (80.0, 1.0, 5.859, 0.876), (0.0, 0.2, 1.095, 2.027)],
    ids=["empty and sound", "laden", "weak brakes"],
)
def test_an_authority_makes_room_for_what_load_and_brakes_may_have_it_roll_too_far(
    payload_kg: float, brake_ratio: float, overlap_m: float, speed_m_s: float
) -> None:
    grant = granted(payload_kg=payload_kg, brake_ratio=brake_ratio)

    assert grant.overlap_m == pytest.approx(overlap_m, abs=0.001)
    # At its path's end only its corridor's half metre is left to roll over.
    assert grant.speed_m_s_max == pytest.approx(speed_m_s, abs=0.001)
