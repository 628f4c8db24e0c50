"""The checkers of what is kept free: silent on an honest run, and else they speak."""

import pytest
from msgspec.structs import replace

from lunaredge.sim.checkers import evidence as seen
from lunaredge.sim.checkers.closure import ClosureChecker
from lunaredge.sim.checkers.shortening import ShorteningChecker
from lunaredge.sim.checkers.standing import StandingChecker
from lunaredge.sim.checkers.taking import TakingChecker
from lunaredge.sim.scenario import ramp
from lunaredge.sim.scenarios.parts import box
from lunaredge.units import NS_PER_S
from lunaredge.wire.messages import HeldAuthority
from tests.sim.exhibits import (
    FLEET,
    asked,
    granted,
    holding,
    renewed,
    replied,
    situated,
    truth,
    watch,
)

# --- closure ----------------------------------------------------------------------------------

# An L: the place in its corner is outside, though within its bounds.
ZONE = ((10.0, 0.0), (30.0, 0.0), (30.0, 10.0), (20.0, 10.0), (20.0, 30.0), (10.0, 30.0))


OPENING = seen.Opening(at_ns=2 * NS_PER_S, zone="spot", asking=seen.Asking("ana", "r1"))


def cleared(at_s, *others, **zones):
    return seen.Cleared(at_ns=at_s * NS_PER_S, zones=zones, others=others)


@pytest.mark.parametrize(("x_m", "y_m"), [(8.5, 5), (25, 12), (40, 5), (25, 31)])
def test_a_body_beside_a_clear_zone_is_well(x_m, y_m):
    checker = ClosureChecker(FLEET)

    texts = watch(checker, cleared(1, spot=ZONE), truth(2, ("a", x_m, y_m, 1)))

    assert texts == []
    assert checker.checked == 1


@pytest.mark.parametrize(("x_m", "y_m"), [(9.5, 5), (15, 15), (25, 9), (20.5, 10.5)])
def test_a_body_in_a_clear_zone_is_found_whichever_part_of_it_is_inside(x_m, y_m):
    texts = watch(ClosureChecker(FLEET), cleared(1, spot=ZONE), truth(2, ("a", x_m, y_m, 1)))

    assert texts == [f"a at ({x_m:.2f}, {y_m:.2f}) is in spot, which was shown clear"]


def test_a_zone_that_is_shown_clear_over_a_body_is_found():
    texts = watch(ClosureChecker(FLEET), truth(1, ("a", 15, 5, 0)), cleared(2, spot=ZONE))

    assert len(texts) == 1


def test_a_zone_is_not_watched_once_it_is_not_shown_clear_or_somebody_has_it_opened():
    texts = watch(
        ClosureChecker(FLEET),
        cleared(1, spot=ZONE),
        OPENING,
        cleared(3, spot=ZONE),
        truth(4, ("a", 15, 5, 0)),
        cleared(5),
        truth(6, ("a", 15, 5, 0)),
    )

    assert texts == []


def test_a_zone_is_watched_on_when_whoever_wants_it_opened_is_refused():
    refusal = seen.Answered(at_ns=3 * NS_PER_S, asking=OPENING.asking, ok=False)
    body = truth(4, ("a", 15, 5, 0))

    texts = watch(ClosureChecker(FLEET), cleared(1, spot=ZONE), OPENING, refusal, body)
    taken = replace(refusal, ok=True)

    assert texts == ["a at (15.00, 5.00) is in spot, which was shown clear"]
    assert watch(ClosureChecker(FLEET), cleared(1, spot=ZONE), OPENING, taken, body) == []


def test_a_zone_is_not_watched_while_one_of_two_who_want_it_opened_is_not_refused():
    other = replace(OPENING, asking=seen.Asking("ben", "r1"))
    refusal = seen.Answered(at_ns=3 * NS_PER_S, asking=other.asking, ok=False)
    body = truth(4, ("a", 15, 5, 0))

    assert watch(ClosureChecker(FLEET), cleared(1, spot=ZONE), OPENING, other, refusal, body) == []


def drives_in(speed_m_s=1):
    """Give a look at a body outside the zone, and the next ones inside."""
    inside = truth(5, ("a", 15, 5, speed_m_s))
    return truth(4, ("a", 0, 5, 1)), inside, replace(inside, at_ns=6 * NS_PER_S)


@pytest.mark.parametrize("speed_m_s", [0, 1])
def test_who_drives_into_a_zone_that_is_not_clear_any_more_is_found_once(speed_m_s):
    texts = watch(
        ClosureChecker(FLEET), cleared(1, spot=ZONE), cleared(3, "spot"), *drives_in(speed_m_s)
    )

    assert texts == ["a drove into spot, which is closed and had been clear"]


@pytest.mark.parametrize(
    "before",
    [
        # It was never clear: nobody has gone in.
        (cleared(1, "spot"),),
        # It was opened since.
        (cleared(1, spot=ZONE), OPENING, cleared(3, "spot")),
        (cleared(1, spot=ZONE), cleared(2), cleared(3, "spot")),
    ],
)
def test_who_drives_into_a_zone_that_nobody_can_be_in_is_well(before):
    assert watch(ClosureChecker(FLEET), *before, *drives_in()) == []


def test_who_drives_into_a_zone_that_nobody_was_let_open_is_found():
    refusal = seen.Answered(at_ns=3 * NS_PER_S, asking=OPENING.asking, ok=False)
    before = (cleared(1, spot=ZONE), cleared(1, "spot"), OPENING)

    assert watch(ClosureChecker(FLEET), *before, *drives_in()) == []
    assert len(watch(ClosureChecker(FLEET), *before, refusal, *drives_in())) == 1


def test_who_is_carried_into_a_zone_that_had_been_clear_may_drive_out_of_it():
    here, inside, later = drives_in()
    carried = seen.Carried(at_ns=inside.at_ns, machine="a")

    shown = (cleared(1, spot=ZONE), cleared(3, "spot"))

    assert watch(ClosureChecker(FLEET), *shown, here, carried, inside, later) == []


def test_a_zone_that_is_closed_again_is_watched_again():
    texts = watch(
        ClosureChecker(FLEET),
        cleared(1, spot=ZONE),
        OPENING,
        cleared(3),
        cleared(4, spot=ZONE),
        truth(5, ("a", 15, 5, 0)),
    )

    assert len(texts) == 1


@pytest.mark.parametrize(
    ("path", "stop_m", "count"),
    [
        (((0.0, 5.0), (15.0, 5.0)), None, 1),
        (((0.0, 5.0), (40.0, 5.0)), None, 1),
        (((15.0, 5.0), (0.0, 5.0)), None, 1),
        (((0.0, 5.0), (15.0, 5.0)), 6.0, 0),
        (((0.0, -5.0), (40.0, -5.0)), None, 0),
    ],
)
def test_an_authority_that_leads_into_a_clear_zone_is_found(path, stop_m, count):
    checker = ClosureChecker(FLEET)

    texts = watch(checker, cleared(1, spot=ZONE), granted(2, 1, path, stop_m=stop_m))

    assert texts == ["ma1 leads a into spot, which was shown clear"] * count
    assert checker.checked == 1


INTO_THE_ZONE = ((0.0, 5.0), (15.0, 5.0))


def test_what_is_not_given_back_of_an_authority_is_found_when_the_zone_is_shown_clear():
    out_of_the_zone = INTO_THE_ZONE[::-1]

    texts = watch(
        ClosureChecker(FLEET),
        asked(1, 1),
        granted(2, 1, out_of_the_zone),
        cleared(3, spot=ZONE),
        situated(4, holding(9.0, stop_m=15.0)),
        cleared(5, spot=ZONE),
    )

    assert texts == ["a has not given ma1 back, which leads into spot, which was shown clear"]


def test_a_grant_that_is_sent_again_after_its_machine_has_left_the_zone_is_well():
    again = granted(9, 1, INTO_THE_ZONE[::-1])

    texts = watch(
        ClosureChecker(FLEET),
        asked(1, 1),
        granted(2, 1, INTO_THE_ZONE[::-1]),
        situated(4, holding(9.0, stop_m=15.0)),
        cleared(5, spot=ZONE),
        again,
    )

    assert texts == []


def test_a_stop_point_that_is_put_into_a_clear_zone_is_found():
    texts = watch(
        ClosureChecker(FLEET),
        asked(1, 1),
        granted(2, 1, INTO_THE_ZONE, stop_m=4.0),
        cleared(3, spot=ZONE),
        asked(4, 2, renewal=True),
        renewed(5, 2, stop_m=12.0),
    )

    assert texts == ["ma1 leads a into spot, which was shown clear"]


# --- standing ---------------------------------------------------------------------------------

# The ramp lies from 34 to 60 along this way.
OVER_THE_RAMP = ((10.0, 74.0), (90.0, 74.0))
INTO_THE_RAMP = ((10.0, 74.0), (50.0, 74.0))


@pytest.mark.parametrize(
    ("path", "stop_m", "count"),
    [
        (OVER_THE_RAMP, 22.5, 0),
        (OVER_THE_RAMP, 22.7, 1),
        (OVER_THE_RAMP, 30.0, 1),
        (OVER_THE_RAMP, 51.3, 1),
        (OVER_THE_RAMP, 51.5, 0),
        (INTO_THE_RAMP, 30.0, 1),
        (INTO_THE_RAMP, 40.0, 0),
        (INTO_THE_RAMP[::-1], 0.0, 0),
    ],
)
def test_a_stop_point_where_nobody_may_stand_is_found_unless_the_path_ends_there(
    path, stop_m, count
):
    checker = StandingChecker(ramp().site, FLEET)

    texts = watch(checker, asked(1, 1), granted(2, 1, path, stop_m=stop_m))

    assert len(texts) == count


def test_a_stop_point_that_is_put_to_where_nobody_may_stand_is_found_once():
    texts = watch(
        StandingChecker(ramp().site, FLEET),
        asked(1, 1),
        granted(2, 1, OVER_THE_RAMP, stop_m=20.0),
        asked(3, 2, renewal=True),
        renewed(4, 2, stop_m=30.0),
        asked(5, 3, renewal=True),
        renewed(6, 3, stop_m=30.0),
    )

    assert texts == ["ma1 has a stop at (40.00, 74.00), where nobody may stand"]


def drawn_nearer(stop_m, said_m=0.0, *, site=None, from_m=0.0, answered=False):
    """Have a's authority over the ramp, and beyond, drawn nearer when it has come so far."""
    checker = StandingChecker(site or ramp().site, FLEET)
    grant = replace(granted(2, 1, OVER_THE_RAMP, stop_m=70.0), from_m=from_m)
    word = [situated(4, holding(0.0, stop_m=70.0, station_m=said_m))] if said_m else []
    answer = [situated(5, holding(0.0, stop_m=stop_m, revision=2))] if answered else []
    words = (*word, *answer, shortened(6, stop_m, 3 if answered else 2))
    texts = watch(checker, asked(1, 1), grant, replied(3, "ma1"), *words)
    return texts, checker.checked


def test_a_stop_point_that_is_drawn_to_where_nobody_may_stand_is_found():
    texts, _ = drawn_nearer(40.0, said_m=15.0)

    assert texts == ["ma1 has a stop at (50.00, 74.00), where nobody may stand"]
    assert drawn_nearer(22.5, said_m=15.0) == ([], 2)


@pytest.mark.parametrize("come", [{"said_m": 21.0}, {"said_m": 41.0}, {"from_m": 30.0}])
def test_who_has_entered_may_be_asked_to_stop_where_nobody_may_stand(come):
    assert drawn_nearer(40.0, **come) == ([], 1)


def test_who_has_entered_one_passage_may_be_asked_to_stop_in_the_next_one_only_if_they_join():
    site = ramp().site
    first, second = (
        replace(site.zones[-1], name=f"gate-{x}", polygon=box(x, 64.0, x + 6.0, 84.0))
        for x in (34, 45)
    )
    joined = replace(site, zones=(first, second))
    apart = replace(site, zones=(first, replace(second, polygon=box(60.0, 64.0, 66.0, 84.0))))

    assert drawn_nearer(36.0, said_m=25.0, site=joined) == ([], 2)
    assert len(drawn_nearer(52.0, said_m=25.0, site=apart)[0]) == 1


def test_who_is_asked_again_to_stop_where_it_said_that_it_stops_is_led_nowhere_else():
    assert drawn_nearer(40.0, answered=True) == ([], 1)


# --- taking -----------------------------------------------------------------------------------

OTHER_HOLDS = HeldAuthority(id="ma2", released_m=0.0, stop_m=10.0, revision=1, at_stop=False)


def both_told(path, *, a_released_m=0.0, a_asks_anew=False):
    checker = TakingChecker()
    texts = watch(
        checker,
        asked(1, 1),
        granted(2, 1, ((0.0, 0.0), (10.0, 0.0))),
        replied(3, "ma1"),
        situated(4, holding(a_released_m)),
        *([asked(5, 2)] if a_asks_anew else []),
        asked(6, 1, machine="b"),
        granted(7, 1, path, machine="b", authority="ma2"),
        replied(8, "ma2", node="b"),
        situated(9, OTHER_HOLDS, node="b"),
        situated(10, OTHER_HOLDS, node="b"),
    )
    return texts, checker.checked


def test_ground_that_two_machines_say_to_hold_is_found_once():
    texts, _ = both_told(((8.0, 1.0), (18.0, 1.0)))

    assert texts == ["b took ma2, 4.00 m deep into ma1, which a holds"]


def test_ground_beside_or_behind_another_is_taken_well():
    assert both_told(((0.0, 5.5), (10.0, 5.5))) == ([], 1)
    assert both_told(((0.0, 1.0), (3.0, 1.0)), a_released_m=9.0) == ([], 1)


def test_what_was_given_back_with_a_new_request_is_taken_well():
    assert both_told(((8.0, 1.0), (18.0, 1.0)), a_asks_anew=True) == ([], 0)


def test_what_was_granted_twice_and_not_taken_up_is_none_of_its_business():
    texts = watch(
        TakingChecker(),
        asked(1, 1),
        granted(2, 1, ((0.0, 0.0), (10.0, 0.0))),
        replied(3, "ma1"),
        situated(4, holding(0.0)),
        asked(5, 1, machine="b"),
        granted(6, 1, ((0.0, 0.0), (10.0, 0.0)), machine="b", authority="ma2"),
        replied(7, "ma2", node="b", ok=False),
        situated(8, None, node="b"),
    )

    assert texts == []


# --- shortening -------------------------------------------------------------------------------


def shortened(at_s, stop_m, revision=2):
    fields = {"machine": "a", "authority": "ma1", "stop_m": stop_m, "revision": revision}
    return seen.Shortened(at_ns=at_s * NS_PER_S, **fields)


def asked_back(*then):
    checker = ShorteningChecker(FLEET, 2.0)
    begun = (asked(1, 1), granted(2, 1, PATH_10), replied(3, "ma1"), situated(4, holding(0.0)))
    return watch(checker, *begun, shortened(5, 4.0), *then), checker.checked


PATH_10 = ((0.0, 0.0), (10.0, 0.0))


def test_a_renewal_that_undoes_a_shortening_is_found():
    texts, _ = asked_back(renewed(6, 1, stop_m=10.0, revision=2))

    assert texts == ["a may go on to 10.00 m of ma1, and is asked to stop at 4.00 m"]


@pytest.mark.parametrize(
    "word",
    [renewed(6, 1, stop_m=10.0, revision=1), renewed(6, 1, stop_m=0.0, revision=2)],
    ids=["of before", "of no ground"],
)
def test_a_renewal_that_leaves_a_shortening_alone_is_well(word):
    assert asked_back(word)[0] == []


def test_the_ground_beyond_may_be_given_again_once_the_holder_has_said_where_it_stops():
    stops = situated(6, holding(0.0, stop_m=5.0, revision=2))
    texts, checked = asked_back(stops, renewed(7, 1, stop_m=10.0, revision=2))

    assert (texts, checked) == ([], 3)


def test_a_holder_that_takes_more_than_it_was_given_is_found():
    stops = situated(6, holding(0.0, stop_m=5.0, revision=2))
    texts, _ = asked_back(stops, situated(7, holding(0.0, stop_m=6.0, revision=2)))

    assert texts == ["a holds ma1 to 6.00 m, and was given 5.00 m"]


def test_a_later_shortening_that_asks_for_less_than_an_unanswered_one_is_found():
    assert asked_back(shortened(6, 3.0, revision=3), shortened(7, 3.0, revision=3))[0] == []
    assert asked_back(shortened(6, 8.0, revision=3))[0] == [
        "a is asked to stop at 8.00 m of ma1, and was asked to stop at 4.00 m"
    ]


def test_a_later_shortening_may_ask_for_less_once_the_first_one_is_answered():
    stops = situated(6, holding(0.0, stop_m=4.0, revision=2))

    assert asked_back(stops, shortened(7, 8.0, revision=3))[0] == []


@pytest.mark.parametrize(("station_m", "stop_m"), [(0.0, 50.0), (40.0, 85.0)])
def test_who_answers_a_shortening_by_its_number_alone_is_found(station_m, stop_m):
    path = ((0.0, 0.0), (90.0, 0.0))
    at = {"station_m": station_m, "revision": 2}
    near, far = (holding(0.0, stop_m=each, **at) for each in (stop_m - 5.0, stop_m))
    begun = (asked(1, 1), granted(2, 1, path), replied(3, "ma1"), shortened(5, 4.0))

    assert watch(ShorteningChecker(FLEET, 2.0), *begun, situated(6, near)) == []
    texts = watch(ShorteningChecker(FLEET, 2.0), *begun, situated(6, far))

    assert texts == [
        f"a holds ma1 to {stop_m:.2f} m from {station_m:.2f} m on, and was asked to stop at 4.00 m"
    ]
