"""A name that is closed already: nobody may take another place under it for closed."""

import pytest

from lunaredge.wire.safeguards import CloseRequest
from tests.scheduler.locking import BEN, lock, staffed
from tests.scheduler.rig import Site
from tests.scheduler.test_closures import close, closure, counted, open_again

PLACE = {"outline": ((60.0, 40.0),), "radius_m": 5.0}
CORNERS = {"outline": ((50.0, 40.0), (60.0, 40.0), (60.0, 50.0))}
ANOTHER = (
    "NOTHING was closed: spot is the name of another area, closed already by operator-mari: "
    "a lander; give another name"
)


@pytest.mark.parametrize(("zone", "fields"), [("berm", {}), ("spot", PLACE), ("spot", CORNERS)])
def test_the_same_request_again_is_done_and_says_how_far_it_is(
    zone: str, fields: dict[str, object]
) -> None:
    site = counted()
    close(site, zone, **fields)

    again = close(site, zone, **fields)

    told = f"{zone} is closed already by operator-mari: a lander; it is clear"
    assert (again.ok, again.text) == (True, told)


def test_a_zone_that_is_closed_again_says_who_has_still_to_leave() -> None:
    site = counted()
    lock(site)
    close(site, outline=((32.0, 8.0),), radius_m=5.0)

    again = close(site, outline=((32.0, 8.0),), radius_m=5.0)

    assert again.ok
    assert "; NOT CLEAR YET (hauler-1 has to leave (" in again.text


def test_who_names_a_closed_area_and_no_place_hears_how_far_it_is() -> None:
    site = counted()
    close(site, **PLACE)

    again = close(site)

    assert (again.ok, again.text.endswith("; it is clear")) == (True, True)


@pytest.mark.parametrize("fields", [PLACE | {"radius_m": 6.0}, CORNERS])
def test_another_place_under_a_closed_name_is_not_closed_and_the_answer_says_so(
    fields: dict[str, object],
) -> None:
    site = counted()
    close(site, **PLACE)
    before = closure(site).area

    answer = close(site, **fields)

    assert (answer.ok, answer.text) == (False, ANOTHER)
    assert closure(site).area == before


def test_a_closed_zone_of_the_site_is_not_closed_at_another_place() -> None:
    site = counted()
    close(site, "berm")

    answer = close(site, "berm", **PLACE)

    assert not answer.ok
    assert answer.text.startswith("berm is a zone of the site; leave the outline out")


def test_what_somebody_else_has_closed_is_refused_with_how_far_it_is() -> None:
    site = staffed(Site())
    site.census()
    close(site, "berm")

    answer = site.ask(CloseRequest(request="b", zone="berm", why="a drill"), BEN)

    told = "berm is closed already by operator-mari: a lander; it is clear"
    assert (answer.ok, answer.text) == (False, told)


def test_earth_that_gives_its_command_again_to_hear_how_far_it_is_is_not_refused() -> None:
    site = counted()
    asked = [CloseRequest(request=request, zone="pad", why="a lander") for request in "ab"]

    answers = [site.ask(request, site.earth) for request in asked]

    assert [answer.ok for answer in answers] == [True, True]
    assert answers[1].text == "pad is closed already by earth: a lander; it is clear"


def test_an_opened_name_is_free_for_another_place() -> None:
    site = counted()
    close(site, **PLACE)
    open_again(site)

    answer = close(site, **CORNERS)

    assert answer.ok
    assert closure(site).area == CORNERS["outline"]


def test_a_closed_name_is_asked_after_also_when_no_more_zones_may_be_closed() -> None:
    site = counted()
    for number in range(32):
        assert close(site, f"spot-{number}", **PLACE).ok

    assert close(site, "spot-7", **PLACE).ok
    assert "32 zones are closed" in close(site, "spot-32", **PLACE).text
