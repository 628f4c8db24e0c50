"""Where a zone may be closed: on the site, or what is called clear was never looked at."""

import msgspec
import pytest

from lunaredge.model import site as model
from lunaredge.model.site import Polygon, Zone, ZoneKind
from lunaredge.scheduler import zone_names
from tests.scheduler import plain_site
from tests.scheduler.rig import Site
from tests.scheduler.test_closures import close

OFF: Polygon = ((-90.0, -90.0), (-80.0, -90.0), (-80.0, -80.0))


@pytest.mark.parametrize(
    ("outline", "radius_m"),
    [(((1e5, 2.0),), 10.0), (((-500.0, -500.0),), 10.0), (OFF, 0.0)],
    ids=["a digit too many", "a sign too many", "corners"],
)
def test_a_zone_that_is_nowhere_on_the_site_is_not_closed(
    outline: Polygon, radius_m: float
) -> None:
    site = Site()
    site.census()

    answer = close(site, outline=outline, radius_m=radius_m)

    assert not answer.ok
    x_m, y_m = outline[0]
    assert answer.text == (
        f"spot at {x_m:g}, {y_m:g} would lie outside the site's boundary, all of it; "
        "the site reaches from 1, 1 to 79, 79: look again"
    )
    assert site.scheduler.core.ctx.state.closures == {}


@pytest.mark.parametrize("place", [(0.0, 0.0), (-3.0, 20.0)], ids=["corner", "edge"])
def test_a_zone_that_reaches_over_the_boundary_is_closed(place: tuple[float, float]) -> None:
    site = Site()
    site.census()

    assert close(site, outline=(place,), radius_m=6.0).ok


@pytest.mark.parametrize("radius_m", [0.0, 1e-15, -3.0, 1e5, float("nan")])
def test_a_radius_that_is_none_is_told_what_it_may_be(radius_m: float) -> None:
    site = Site()

    answer = close(site, outline=((20.0, 20.0),), radius_m=radius_m)

    assert (answer.ok, answer.text) == (
        False,
        f"the radius is {radius_m:g} m; give 0.1 to 10000 m",
    )


@pytest.mark.parametrize(("more", "said"), [(0, ""), (1, " and 1 more"), (6, " and 6 more")])
def test_who_names_no_zone_of_the_site_is_told_how_many_it_has(more: int, said: str) -> None:
    site = Site(site=with_zones(zone_names.NAMED_MAX + more))

    answer = close(site, "nix")

    named = ", ".join(f"zone-{number}" for number in range(zone_names.NAMED_MAX))
    assert not answer.ok
    assert f"name one of its own ({named}{said}), or give corners" in answer.text


def with_zones(count: int) -> model.Site:
    area = plain_site.box(20.0, 20.0, 4.0, 4.0)
    zones = tuple(
        Zone(name=f"zone-{number}", kind=ZoneKind.WORK, polygon=area) for number in range(count)
    )
    return msgspec.structs.replace(plain_site.plain_site(), zones=zones)
