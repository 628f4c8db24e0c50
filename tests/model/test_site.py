"""The site: zones by name, and coordinates that can be trusted."""

import math

import msgspec
import pytest

from lunaredge.ids import SiteId
from lunaredge.model.site import Point, Site, TerrainGrid, Zone, ZoneKind

PAD = Zone(name="pad", kind=ZoneKind.WORK, polygon=((0.0, 0.0), (5.0, 0.0), (0.0, 5.0)))
FLAT = TerrainGrid(x_m=0.0, y_m=0.0, cell_m=5.0, rows=1, columns=1, heights_m=bytes(4))
SITE = Site(
    name=SiteId("ridge"),
    title="A ridge",
    boundary=PAD.polygon,
    terrain=FLAT,
    zones=(PAD,),
    regolith_kg_m3=1500.0,
)


def test_a_zone_is_found_by_its_name() -> None:
    assert SITE.zone("pad") is PAD
    assert SITE.zone("berm") is None


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 2e7], ids=str)
def test_a_point_that_is_no_place_on_the_moon_is_not_decoded(value: float) -> None:
    payload = msgspec.msgpack.encode((0.0, value))

    with pytest.raises(msgspec.ValidationError):
        msgspec.msgpack.decode(payload, type=Point)


def test_a_point_is_decoded_from_whole_numbers_too() -> None:
    assert msgspec.msgpack.decode(msgspec.msgpack.encode([1, -2]), type=Point) == (1.0, -2.0)
