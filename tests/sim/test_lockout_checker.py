"""Lock-out: who moves that may not, whose words take a tag off, and who is where people drive."""

import pytest
from msgspec.structs import replace

from lunaredge.sim.checkers import evidence as seen
from lunaredge.sim.checkers.lockout import LockoutChecker
from lunaredge.units import NS_PER_S
from tests.sim.exhibits import FLEET, asked, granted, renewed, situated, truth, watch

# --- tags -------------------------------------------------------------------------------------

TAG = "operator-ana/lockout-1-1"


def unlocked(at_s):
    return seen.Unlocked(at_ns=at_s * NS_PER_S, node="a", tag=TAG)


def test_a_locked_machine_that_stands_is_well():
    texts = watch(
        LockoutChecker(FLEET),
        situated(1, at_rest=False, locks=(TAG,)),
        truth(2, ("a", 0.5, 0, 1)),
        situated(3, locks=(TAG,)),
        truth(4, ("a", 1, 0, 0), ("b", 9, 0, 1)),
        truth(9, ("a", 1, 0, 0), ("b", 12, 0, 1)),
        word(9, "operator-ana"),
        unlocked(10),
        situated(11, locks=(TAG,)),
        truth(20, ("a", 5, 0, 1)),
    )

    assert texts == []


def test_a_locked_machine_that_moves_is_found():
    checker = LockoutChecker(FLEET)

    texts = watch(
        checker,
        situated(1, locks=(TAG,)),
        truth(2, ("a", 1, 0, 0)),
        situated(3, locks=()),
        truth(4, ("a", 1.5, 0, 1)),
    )

    assert texts == ["a moved 0.50 m, locked out"]
    assert checker.checked == 2


def word(at_s, by, whose="operator-ana"):
    asking = seen.Asking(by, f"r{at_s}")
    return seen.TagWord(at_ns=at_s * NS_PER_S, node="a", by=by, whose=whose, asking=asking)


@pytest.mark.parametrize("people", [("operator-ana",), ("operator-ben", "operator-cat")])
def test_a_tag_comes_off_by_its_owner_or_by_two_others(people):
    words = [word(3 + k, by) for k, by in enumerate(people)]

    assert watch(LockoutChecker(FLEET), situated(1, locks=(TAG,)), *words, unlocked(9)) == []


def hand(at_s, by):
    asking = seen.Asking(by, f"r{at_s}")
    return seen.HandWord(at_ns=at_s * NS_PER_S, node="a", by=by, asking=asking)


def refused(at_s, word):
    return seen.Answered(at_ns=at_s * NS_PER_S, asking=word.asking, ok=False)


def hung(at_s, tag):
    return seen.Tagged(at_ns=at_s * NS_PER_S, node="a", tag=tag)


@pytest.mark.parametrize(
    ("people", "told"),
    [
        ((), "nobody"),
        (("operator-ben",), "operator-ben"),
        (("operator-ben", "operator-ben"), "operator-ben"),
    ],
)
def test_a_tag_that_comes_off_by_fewer_is_found(people, told):
    words = [word(3 + k, by) for k, by in enumerate(people)]
    before = (word(0, "operator-ana"), word(0, "operator-cat"))

    texts = watch(
        LockoutChecker(FLEET), *before, situated(1, locks=(TAG,)), *words, unlocked(9), unlocked(10)
    )

    assert texts == [f"operator-ana's tag is taken off a by {told}"]


def test_words_count_from_when_the_tag_was_told_though_nobody_has_confirmed_it():
    told = seen.Tagged(at_ns=NS_PER_S, node="a", tag=TAG)
    words = (word(2, "operator-ben"), situated(3, locks=(TAG,)), word(4, "operator-cat"))

    assert watch(LockoutChecker(FLEET), told, *words, unlocked(9)) == []


@pytest.mark.parametrize("whose", ["operator-ben", ""])
def test_a_code_for_ones_own_tag_takes_no_other_off(whose):
    tags = [hung(1, TAG), hung(1, "operator-ben/lockout-1-2"), hung(1, "operator-cat/lockout-1-3")]
    words = [word(2, "operator-ben", whose), word(3, "operator-cat", whose and "operator-cat")]

    texts = watch(LockoutChecker(FLEET), *tags, *words, unlocked(9))

    assert texts == ["operator-ana's tag is taken off a by nobody"]


def test_a_code_for_the_only_tag_takes_it_off_though_nobody_is_named():
    words = [word(2, "operator-ben", ""), word(3, "operator-cat", "")]

    assert watch(LockoutChecker(FLEET), hung(1, TAG), *words, unlocked(9)) == []


def test_whoever_has_no_tag_there_any_more_means_the_only_one():
    tag = "operator-ben/lockout-1-2"
    off = seen.Unlocked(at_ns=3 * NS_PER_S, node="a", tag=tag)
    before = (hung(1, TAG), hung(1, tag), word(2, "operator-ben", "operator-ben"), off)

    words = [word(4, "operator-ben", ""), word(5, "operator-cat", "")]

    assert watch(LockoutChecker(FLEET), *before, *words, unlocked(9)) == []


def test_a_code_that_is_refused_takes_no_tag_off():
    said = word(2, "operator-ana")

    texts = watch(LockoutChecker(FLEET), hung(1, TAG), said, refused(3, said), unlocked(9))

    assert texts == ["operator-ana's tag is taken off a by nobody"]


HAND_TAG = "operator-ana/manual-1-2"


@pytest.mark.parametrize(
    ("then", "count"),
    [
        ((hand(2, "operator-ana"), hung(3, HAND_TAG)), 0),
        ((hand(1, "operator-ana"), hung(1, HAND_TAG)), 0),
        ((hand(2, "operator-ana"), refused(3, hand(2, "operator-ana")), hung(3, HAND_TAG)), 1),
        ((hand(2, "operator-ben"), hung(3, HAND_TAG)), 1),
        ((hand(2, "operator-ana"),), 1),
        ((hung(3, HAND_TAG),), 1),
    ],
    ids=["both", "at once", "refused", "another asks", "no new tag", "nobody asks"],
)
def test_a_tag_gives_way_only_to_its_owners_newer_one_for_driving_by_hand(then, count):
    assert len(watch(LockoutChecker(FLEET), hung(1, TAG), *then, unlocked(9))) == count


def test_a_locked_machine_may_be_carried_by_hand_and_stands_there():
    carried = seen.Carried(at_ns=3 * NS_PER_S, machine="a")
    texts = watch(
        LockoutChecker(FLEET),
        situated(1, locks=(TAG,)),
        truth(2, ("a", 1, 0, 0)),
        carried,
        truth(4, ("a", 9, 0, 0)),
        truth(5, ("a", 9, 0.2, 1)),
    )

    assert texts == ["a moved 0.20 m, locked out"]


# --- what is shown ----------------------------------------------------------------------------


def shown(at_s, **tags_of):
    return seen.LockedOut(at_ns=at_s * NS_PER_S, machines=tags_of)


ANAS = seen.ShownTag("operator-ana", NS_PER_S)
BENS = seen.ShownTag("operator-ben", 2 * NS_PER_S)
SHOWN_A_MOVES = "a moved 0.50 m, shown locked out"


def moved_at(at_s, *before):
    """Show a machine locked out, standing and moving in the second after."""
    first, then = truth(at_s, ("a", 1, 0, 0)), truth(at_s + 1, ("a", 1.5, 0, 1))
    return watch(LockoutChecker(FLEET), *before, first, then)


def test_a_machine_that_moves_while_it_is_shown_locked_out_is_found():
    assert moved_at(4, shown(3, a=(ANAS,))) == [SHOWN_A_MOVES]
    assert moved_at(4, shown(3, b=(ANAS,))) == []
    assert moved_at(5, shown(3, a=(ANAS,)), shown(4)) == []


def test_a_machine_that_is_shown_locked_out_may_move_once_every_tag_may_be_off():
    both = shown(3, a=(ANAS, BENS))
    ana, ben = word(4, "operator-ana"), word(5, "operator-ben", "operator-ben")

    assert moved_at(6, both, ana) == [SHOWN_A_MOVES]
    assert moved_at(6, both, word(2, "operator-ben", "operator-ben"), ana, ben) == []
    assert moved_at(7, both, ana, ben, refused(6, ben)) == [SHOWN_A_MOVES]


def test_a_machine_that_is_let_go_and_shown_locked_out_again_stands_elsewhere():
    let_go = (shown(1, a=(ANAS,)), truth(2, ("a", 9, 0, 0)), shown(3), truth(4, ("a", 5, 0, 1)))

    assert moved_at(6, *let_go, shown(5)) == []
    assert moved_at(6, *let_go, shown(5, a=(ANAS,))) == [SHOWN_A_MOVES]


def test_words_of_before_a_tag_hung_let_nobody_go_that_is_shown_with_it():
    again = seen.ShownTag("operator-ana", 5 * NS_PER_S)

    assert moved_at(7, word(4, "operator-ana"), shown(6, a=(again,))) == [SHOWN_A_MOVES]


def test_a_machine_that_is_shown_locked_out_may_be_carried():
    carried = seen.Carried(at_ns=5 * NS_PER_S, machine="a")
    there = (truth(4, ("a", 1, 0, 0)), carried, truth(6, ("a", 9, 0, 0)))

    assert watch(LockoutChecker(FLEET), shown(3, a=(ANAS,)), *there) == []


# --- areas for driving by hand ----------------------------------------------------------------

YARD = ((0.0, 0.0), (10.0, 0.0), (10.0, 10.0), (0.0, 10.0))
BY_HAND = shown(3, a=(seen.ShownTag("operator-ana", NS_PER_S, YARD),))
IN_THE_YARD = "b at (9.50, 5.00) is in the area of a, driven by hand"


@pytest.mark.parametrize(("x_m", "texts"), [(9.5, [IN_THE_YARD]), (11.5, [])])
def test_anybody_else_in_an_area_for_driving_by_hand_is_found(x_m, texts):
    there = truth(4, ("a", 5, 5, 0), ("b", x_m, 5, 0))

    assert watch(LockoutChecker(FLEET), BY_HAND, there) == texts
    assert len(watch(LockoutChecker(FLEET), there, BY_HAND)) == len(texts)
    assert watch(LockoutChecker(FLEET), BY_HAND, word(4, "operator-ana"), there) == []


def test_an_authority_of_anybody_else_that_leads_into_it_is_found():
    way = granted(4, 1, ((30.0, 5.0), (5.0, 5.0)), machine="b")
    ask, own = asked(1, 1, machine="b"), granted(4, 2, ((5.0, 5.0), (6.0, 5.0)))

    assert watch(LockoutChecker(FLEET), ask, BY_HAND, own) == []
    assert watch(LockoutChecker(FLEET), ask, BY_HAND, way) == [
        "ma1 leads b into the area of a, driven by hand"
    ]
    assert watch(LockoutChecker(FLEET), ask, way, BY_HAND) == [
        "b has not given ma1 back, which leads into the area of a, driven by hand"
    ]


def test_a_stop_point_that_is_put_into_it_is_found():
    way = granted(2, 1, ((30.0, 5.0), (5.0, 5.0)), machine="b", stop_m=5.0)
    farther = replace(renewed(4, 1, stop_m=20.0), machine="b")

    texts = watch(LockoutChecker(FLEET), asked(1, 1, machine="b"), way, BY_HAND, farther)

    assert texts == ["ma1 leads b into the area of a, driven by hand"]


def test_whoever_is_carried_into_it_is_well_until_it_has_left():
    carried = seen.Carried(at_ns=3 * NS_PER_S, machine="b")
    inside, outside = truth(4, ("b", 9.5, 5, 0)), truth(8, ("b", 20, 5, 0))
    known = seen.Located(at_ns=5 * NS_PER_S, places={"b": (9.5, 5.0)})
    checker = LockoutChecker(FLEET)

    assert watch(checker, BY_HAND, carried, inside, known, inside) == []
    assert watch(checker, outside, inside) == [IN_THE_YARD]
