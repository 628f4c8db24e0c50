"""I2 and I3: what machines do on their authorities, and when ground is granted again."""

import pytest

from lunaredge.sim.checkers import evidence as seen
from lunaredge.sim.checkers.authority import AuthorityChecker
from lunaredge.sim.checkers.reuse import ReuseChecker
from lunaredge.units import NS_PER_S
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

# --- I2 ---------------------------------------------------------------------------------------

PATH = ((0.0, 0.0), (10.0, 0.0))


def test_driving_inside_a_live_corridor_is_authorised():
    texts = watch(
        AuthorityChecker(FLEET),
        truth(0, ("a", 0, 0, 0)),
        asked(1, 1),
        granted(2, 1, PATH),
        truth(10, ("a", 5, 0.3, 1)),
        truth(20, ("a", 10, 0, 0)),
    )

    assert texts == []


def test_a_machine_that_came_to_rest_and_asked_anew_since_the_last_look_is_authorised():
    texts = watch(
        AuthorityChecker(FLEET),
        truth(0, ("a", 0, 0, 0)),
        asked(1, 1),
        granted(2, 1, PATH),
        truth(10, ("a", 5, 0, 1)),
        asked(11, 2),
        truth(11, ("a", 5.3, 0, 0)),
        truth(12, ("a", 5.6, 0, 0)),
    )

    assert texts == ["a at (5.60, 0.00) moves without a live authority (none held)"]


@pytest.mark.parametrize(("speed_m_s", "asked_s", "count"), [(0, 11, 0), (1, 11, 1), (0, 9, 1)])
def test_what_is_granted_driven_on_and_given_back_between_two_looks_is_authorised(
    speed_m_s, asked_s, count
):
    given_back = [asked(asked_s, 1), granted(asked_s, 1, PATH), asked(asked_s, 2)]
    standing = truth(10, ("a", 0, 0, 0))
    looks = [standing, *given_back] if asked_s > 10 else [*given_back, standing]

    texts = watch(
        AuthorityChecker(FLEET),
        truth(0, ("a", 0, 0, 0)),
        *looks,
        truth(12, ("a", 0.2, 0, speed_m_s)),
    )

    assert len(texts) == count


def drive_under_a_new_leader(*, is_sent_again):
    by_the_new_leader = [granted(3, 1, PATH, epoch=2)] if is_sent_again else []
    return watch(
        AuthorityChecker(FLEET),
        truth(0, ("a", 0, 0, 0)),
        asked(1, 1),
        granted(2, 1, PATH, epoch=1),
        *by_the_new_leader,
        situated(4, epoch=2),
        truth(10, ("a", 5, 0, 1)),
    )


def test_a_grant_sent_again_by_a_new_leader_is_taken_up_after_the_word_to_obey_it():
    assert drive_under_a_new_leader(is_sent_again=True) == []


def test_a_grant_of_a_leader_before_is_not():
    texts = drive_under_a_new_leader(is_sent_again=False)

    assert texts == ["a at (5.00, 0.00) moves without a live authority (none held)"]


def test_driving_without_any_authority_is_found():
    texts = watch(AuthorityChecker(FLEET), truth(0, ("a", 0, 0, 0)), truth(1, ("a", 0.5, 0, 1)))

    assert texts == ["a at (0.50, 0.00) moves without a live authority (none held)"]


def test_whoever_is_carried_did_not_drive_there():
    carried = seen.Carried(at_ns=5 * NS_PER_S, machine="a")
    here, there = truth(0, ("a", 0, 0, 0)), truth(6, ("a", 8, 3, 0))

    assert watch(AuthorityChecker(FLEET), here, carried, there) == []
    assert watch(AuthorityChecker(FLEET), here, there) != []


def test_whoever_was_carried_drives_on_an_authority_like_everybody_else():
    texts = watch(
        AuthorityChecker(FLEET),
        truth(0, ("a", 0, 0, 0)),
        seen.Carried(at_ns=5 * NS_PER_S, machine="a"),
        truth(6, ("a", 8, 3, 0)),
        truth(7, ("a", 9, 3, 1)),
    )

    assert texts == ["a at (9.00, 3.00) moves without a live authority (none held)"]


def test_driving_past_the_corridor_is_found():
    texts = watch(
        AuthorityChecker(FLEET),
        truth(0, ("a", 0, 0, 0)),
        asked(1, 1),
        granted(2, 1, PATH),
        truth(10, ("a", 12.5, 0, 1)),
    )

    assert texts == ["a at (12.50, 0.00) moves outside the corridor of ma1"]


def test_a_lease_counts_from_the_first_sending_of_the_request():
    texts = watch(
        AuthorityChecker(FLEET),
        truth(0, ("a", 0, 0, 0)),
        asked(1, 1),
        asked(30, 1),
        granted(31, 1, PATH),
        truth(62, ("a", 5, 0, 1)),
    )

    assert texts == ["a at (5.00, 0.00) moves without a live authority (1 expired)"]


def test_a_renewal_gives_more_time_from_its_own_request():
    texts = watch(
        AuthorityChecker(FLEET),
        truth(0, ("a", 0, 0, 0)),
        asked(1, 1),
        granted(2, 1, PATH),
        asked(40, 2, renewal=True),
        renewed(41, 2, stop_m=10.0),
        truth(90, ("a", 5, 0, 1)),
        truth(101, ("a", 6, 0, 1)),
    )

    assert len(texts) == 1
    assert "(1 expired)" in texts[0]


# --- I2: the way home -------------------------------------------------------------------------

WAY = ((0.0, 0.0), (10.0, 0.0), (10.0, 10.0))


def homeward(*, home_s=1_000, released_m=0.0):
    """A machine that stands at the corner of its way, its lease long over."""
    return (
        truth(0, ("a", 10, 0, 0)),
        asked(1, 1),
        granted(2, 1, WAY, home_s=home_s),
        situated(3, holding(released_m, stop_m=20.0)),
        truth(300, ("a", 10, 0, 0)),
    )


def test_after_its_lease_a_machine_may_go_back_along_its_path():
    texts = watch(
        AuthorityChecker(FLEET),
        *homeward(),
        truth(301, ("a", 9, 0.1, 1)),
        truth(302, ("a", 8, 0, 1)),
        truth(303, ("a", 8, 0, 0)),
    )

    assert texts == []


def test_after_its_lease_it_may_not_go_on():
    texts = watch(AuthorityChecker(FLEET), *homeward(), truth(301, ("a", 10, 1, 1)))

    assert texts == ["a at (10.00, 1.00) moves without a live authority (1 expired)"]


def test_a_way_home_ends_too():
    texts = watch(AuthorityChecker(FLEET), *homeward(home_s=200), truth(301, ("a", 9, 0, 1)))

    assert texts == ["a at (9.00, 0.00) moves without a live authority (1 expired)"]


def test_a_way_home_that_was_given_back_is_none():
    texts = watch(AuthorityChecker(FLEET), *homeward(released_m=1.0), truth(301, ("a", 9, 0, 1)))

    assert texts == ["a at (9.00, 0.00) moves without a live authority (1 expired)"]


def test_driving_back_over_what_was_given_back_is_found():
    texts = watch(
        AuthorityChecker(FLEET),
        truth(0, ("a", 0, 0, 0)),
        asked(1, 1),
        granted(2, 1, PATH),
        situated(3, holding(8.0)),
        truth(4, ("a", 1, 0, 1)),
    )

    assert len(texts) == 1


# --- I3 ---------------------------------------------------------------------------------------


def test_a_corridor_through_a_standing_machine_is_found():
    texts = watch(
        ReuseChecker(FLEET),
        truth(0, ("a", 0, 0, 0), ("b", 5, 1, 0)),
        asked(1, 1),
        granted(2, 1, PATH),
    )

    assert texts == ["ma1 for a is granted 2.50 m deep into the body of b"]


def test_a_leader_need_not_know_of_whom_was_carried_before_it_leads_it_away():
    carried = seen.Carried(at_ns=NS_PER_S, machine="b")
    through = (asked(2, 1), granted(3, 1, PATH))
    away = (
        asked(4, 1, machine="b"),
        granted(5, 1, ((5.0, 0.1), (5.0, 30.0)), machine="b", authority="mb1"),
    )
    there = truth(1, ("a", 0, 0, 0), ("b", 5, 0, 0))

    assert watch(ReuseChecker(FLEET), carried, there, *through) == []
    assert watch(ReuseChecker(FLEET), there, *through) != []
    known = watch(ReuseChecker(FLEET), carried, there, *away, situated(6, node="b"), *through)
    assert any("the body of b" in text for text in known)


@pytest.mark.parametrize(
    ("place", "is_known"),
    [((5.2, 0.1), True), ((5.4, 0.0), False), ((40.0, 0.0), False)],
    ids=["there", "beside it", "where it was"],
)
def test_a_leader_knows_of_whom_was_carried_once_it_shows_where_it_stands(place, is_known):
    carried = seen.Carried(at_ns=NS_PER_S, machine="b")
    there = truth(1, ("a", 0, 0, 0), ("b", 5, 0, 0))
    shown = seen.Located(at_ns=3 * NS_PER_S, places={"b": place})

    texts = watch(ReuseChecker(FLEET), carried, there, shown, asked(4, 1), granted(5, 1, PATH))

    assert any("the body of b" in text for text in texts) == is_known


def test_a_place_that_is_shown_after_the_carrying_may_be_the_one_before():
    carried = seen.Carried(at_ns=2 * NS_PER_S, machine="b")
    before, after = truth(1, ("b", 30, 0, 0)), truth(4, ("a", 0, 0, 0), ("b", 5, 0, 0))
    shown = seen.Located(at_ns=3 * NS_PER_S, places={"b": (30.0, 0.0)})

    texts = watch(
        ReuseChecker(FLEET), before, carried, shown, after, asked(5, 1), granted(6, 1, PATH)
    )

    assert texts == []


def test_a_machines_own_word_does_not_say_that_its_leader_heard_it():
    carried = seen.Carried(at_ns=NS_PER_S, machine="b")
    there = truth(1, ("a", 0, 0, 0), ("b", 5, 0, 0))
    words = (situated(3, node="b"), asked(4, 1), granted(5, 1, PATH))

    assert watch(ReuseChecker(FLEET), carried, there, *words) == []


def test_an_old_grant_that_is_sent_again_shows_no_place_of_whom_was_carried():
    old = granted(5, 1, ((5.0, 0.0), (5.0, 30.0)), machine="b", authority="mb1")
    there = truth(1, ("a", 0, 0, 0), ("b", 5, 0, 0))
    carried = seen.Carried(at_ns=6 * NS_PER_S, machine="b")
    begun = (there, asked(2, 1, machine="b"), old, asked(6, 2, machine="b"))

    again = watch(ReuseChecker(FLEET), *begun, carried, old, asked(7, 1), granted(8, 1, PATH))

    assert again == []


def test_a_silent_holder_keeps_its_corridor():
    texts = watch(
        ReuseChecker(FLEET),
        asked(0, 1),
        granted(1, 1, PATH),
        replied(2, "ma1"),
        asked(5000, 1, machine="b"),
        granted(5001, 1, ((5.0, -9.0), (5.0, 9.0)), machine="b", authority="ma2"),
    )

    assert len(texts) == 1
    assert "which a has not given back" in texts[0]


@pytest.mark.parametrize(
    "word",
    [
        situated(50),
        situated(50, holding(10.0, at_stop=True)),
        asked(50, 2),
        asked(50, 1, boot=2),
        situated(50, boot=2),
        seen.Vouched(at_ns=50 * NS_PER_S, machine="a"),
    ],
    ids=[
        "at rest without",
        "released",
        "asked anew",
        "asked in a new life",
        "a new life at rest",
        "a person's word",
    ],
)
def test_the_holders_or_a_persons_word_frees_its_corridor(word):
    texts = watch(
        ReuseChecker(FLEET),
        asked(0, 1),
        granted(1, 1, PATH),
        replied(2, "ma1"),
        word,
        asked(60, 1, machine="b"),
        granted(61, 1, ((4.0, -9.0), (4.0, 9.0)), machine="b", authority="ma2"),
    )

    assert texts == []


def test_a_grant_sent_again_is_not_granted_again():
    first = granted(1, 1, PATH)

    texts = watch(
        ReuseChecker(FLEET),
        asked(0, 1),
        first,
        replied(2, "ma1"),
        situated(
            3,
            holding(9.0),
            at_rest=False,
        ),
        asked(4, 1, machine="b"),
        granted(5, 1, ((0.0, -9.0), (0.0, 9.0)), machine="b", authority="ma2"),
        first,
    )

    assert texts == []


def test_a_word_said_before_the_grant_arrived_frees_nothing():
    texts = watch(
        ReuseChecker(FLEET),
        asked(0, 1),
        granted(1, 1, PATH),
        situated(2),
        asked(3, 1, machine="b"),
        granted(4, 1, ((5.0, -9.0), (5.0, 9.0)), machine="b", authority="ma2"),
    )

    assert len(texts) == 1


def test_a_word_said_while_moving_frees_nothing():
    texts = watch(
        ReuseChecker(FLEET),
        asked(0, 1),
        granted(1, 1, PATH),
        replied(2, "ma1"),
        situated(3, at_rest=False),
        asked(4, 1, machine="b"),
        granted(5, 1, ((5.0, -9.0), (5.0, 9.0)), machine="b", authority="ma2"),
    )

    assert len(texts) == 1


# --- stop points ---------------------------------------------------------------------------------


def test_driving_past_the_stop_point_is_found():
    texts = watch(
        AuthorityChecker(FLEET),
        truth(0, ("a", 0, 0, 0)),
        asked(1, 1),
        granted(2, 1, PATH, stop_m=4.0),
        truth(10, ("a", 6.5, 0, 1)),
    )

    assert texts == ["a at (6.50, 0.00) moves outside the corridor of ma1"]


def test_a_renewal_puts_the_stop_point_farther():
    texts = watch(
        AuthorityChecker(FLEET),
        truth(0, ("a", 0, 0, 0)),
        asked(1, 1),
        granted(2, 1, PATH, stop_m=4.0),
        asked(3, 2, renewal=True),
        renewed(4, 2, stop_m=8.0),
        truth(10, ("a", 6.5, 0, 1)),
    )

    assert texts == []


def test_an_extension_of_a_revision_that_its_holder_has_left_behind_gives_nothing():
    texts = watch(
        AuthorityChecker(FLEET),
        truth(0, ("a", 0, 0, 0)),
        asked(1, 1),
        granted(2, 1, PATH, stop_m=4.0),
        situated(3, holding(0.0, stop_m=4.0, revision=2), at_rest=False),
        asked(4, 2, renewal=True),
        renewed(5, 2, stop_m=8.0, revision=1),
        truth(10, ("a", 6.5, 0, 1)),
    )

    assert len(texts) == 1


def test_a_neighbour_may_go_where_a_holder_was_not_granted_yet():
    texts = watch(
        ReuseChecker(FLEET),
        asked(0, 1),
        granted(1, 1, PATH, stop_m=2.0),
        asked(2, 1, machine="b"),
        granted(3, 1, ((9.0, -9.0), (9.0, 9.0)), machine="b", authority="ma2"),
    )

    assert texts == []


def test_an_extension_into_ground_that_a_neighbour_holds_is_found():
    texts = watch(
        ReuseChecker(FLEET),
        asked(0, 1),
        granted(1, 1, PATH, stop_m=2.0),
        asked(2, 1, machine="b"),
        granted(3, 1, ((9.0, -9.0), (9.0, 9.0)), machine="b", authority="ma2"),
        asked(4, 2, renewal=True),
        renewed(5, 2, stop_m=8.0),
    )

    assert len(texts) == 1
    assert "deep into ma2" in texts[0]


def test_only_the_holders_word_makes_a_shortening_free_ground():
    def words(*said):
        return watch(
            ReuseChecker(FLEET),
            asked(0, 1),
            granted(1, 1, PATH),
            replied(2, "ma1"),
            *said,
            asked(4, 1, machine="b"),
            granted(5, 1, ((9.0, -9.0), (9.0, 9.0)), machine="b", authority="ma2"),
        )

    shortened = situated(3, holding(0.0, stop_m=2.0, revision=2), at_rest=False)
    assert len(words()) == 1
    assert words(shortened) == []
