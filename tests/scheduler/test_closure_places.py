"""Where a zone may be closed: on the site, or what is called clear was never looked at."""

import pytest

from lunaredge.model.site import Polygon
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
    assert answer.text.endswith("would lie outside the site's boundary, all of it; look again")
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
