"""A person's word for a silent machine ends what it held when it is taken, and nothing later."""

import pytest

from lunaredge.sim.checkers import evidence as seen
from lunaredge.sim.checkers.authority import AuthorityChecker
from lunaredge.units import NS_PER_S
from tests.sim.exhibits import FLEET, asked, granted, truth, watch

PATH = ((0.0, 0.0), (10.0, 0.0))
TAKEN, REFUSED = "taken", "refused"


def vouched(at_s, *answers):
    """A person's word for machine a, and what it is answered each time it comes."""
    asking = seen.Asking("ana", "r1")
    return [
        each
        for k, answer in enumerate(answers)
        for each in (
            seen.VouchWord(at_ns=(at_s + k) * NS_PER_S, machine="a", asking=asking),
            seen.Answered(at_ns=(at_s + k) * NS_PER_S, asking=asking, ok=answer == TAKEN),
        )
    ]


@pytest.mark.parametrize(("ok", "found"), [(False, 0), (True, 1)], ids=["refused", "taken"])
def test_a_persons_word_ends_an_authority_once_the_scheduler_takes_it(ok, found):
    asking = seen.Asking("ana", "r1")

    texts = watch(
        AuthorityChecker(FLEET),
        truth(0, ("a", 0, 0, 0)),
        asked(1, 1),
        granted(2, 1, PATH),
        seen.VouchWord(at_ns=3 * NS_PER_S, machine="a", asking=asking),
        truth(4, ("a", 1, 0, 1)),
        seen.Answered(at_ns=5 * NS_PER_S, asking=asking, ok=ok),
        truth(6, ("a", 2, 0, 1)),
    )

    assert len(texts) == found


def test_a_persons_word_that_is_sent_again_ends_nothing_that_was_granted_since():
    texts = watch(
        AuthorityChecker(FLEET),
        truth(0, ("a", 0, 0, 0)),
        *vouched(1, TAKEN),
        asked(3, 1),
        granted(4, 1, PATH),
        *vouched(5, TAKEN),
        truth(6, ("a", 1, 0, 1)),
    )

    assert texts == []


def test_a_persons_word_may_be_taken_after_a_scheduler_that_does_not_lead_has_refused_it():
    texts = watch(
        AuthorityChecker(FLEET),
        truth(0, ("a", 0, 0, 0)),
        asked(1, 1),
        granted(2, 1, PATH),
        *vouched(3, REFUSED, TAKEN),
        truth(6, ("a", 2, 0, 1)),
    )

    assert texts == ["a at (2.00, 0.00) moves without a live authority (none held)"]
