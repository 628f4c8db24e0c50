import msgspec
import pytest

from lunaredge.agent.leasing import Leasing
from lunaredge.ids import AuthorityId, CommandId
from lunaredge.wire.messages import Defer, Renew
from tests.agent.rig import boot_of, config
from tests.agent.test_authority import grant
from tests.agent.toy_machine import Machine, seconds

STANDING = Machine().sample(0)


def leasing(boot: int = 1) -> Leasing:
    return Leasing(config(), boot_of(boot))


def leased() -> Leasing:
    subject = leasing()
    asked = subject.ask(0)
    assert subject.granted(grant(request_no=asked.number), STANDING, seconds(1)) is None
    return subject


def renew(number: int, lifetime_s: float = 900.0, authority: str = "ma-1") -> Renew:
    return Renew(
        command=CommandId("c2"),
        request_no=number,
        authority=AuthorityId(authority),
        stop_m=1000.0,
        revision=1,
        lifetime_ns=seconds(lifetime_s),
    )


def test_only_the_answer_to_the_newest_request_counts() -> None:
    subject = leasing()
    older, newer = subject.ask(0), subject.ask(seconds(30))

    assert subject.granted(grant(request_no=older.number), STANDING, seconds(31)) == "request"
    assert subject.granted(grant(request_no=newer.number), STANDING, seconds(31)) is None


def test_an_answer_counts_once() -> None:
    subject = leasing()
    asked = subject.ask(0)
    subject.granted(grant(request_no=asked.number), STANDING, 1)

    assert subject.granted(grant(request_no=asked.number), STANDING, 2) == "request"


def test_request_numbers_of_two_boots_never_meet() -> None:
    first, second = leasing(1), leasing(2)

    numbers = [first.ask(0).number for _ in range(50)] + [second.ask(0).number for _ in range(50)]

    assert len(set(numbers)) == 100
    assert max(numbers) < 2**63


def test_asking_gives_back_what_was_held() -> None:
    subject = leased()

    subject.ask(seconds(100))

    assert subject.lease is None


def test_an_unanswered_request_is_asked_anew_after_its_time() -> None:
    subject = leasing()
    assert subject.ask_due(0)
    subject.ask(0)

    assert not subject.ask_due(seconds(29))
    assert subject.ask_due(seconds(30))


def test_a_deferral_is_waited_out_and_no_longer_than_ten_minutes() -> None:
    subject = leasing()
    asked = subject.ask(0)
    defer = Defer(
        command=CommandId("c2"), request_no=asked.number, reason="busy", wait_ns=seconds(1e6)
    )

    assert subject.deferred(defer, 0) is None
    assert not subject.ask_due(seconds(599))
    assert subject.ask_due(seconds(600))


def test_a_deferral_of_another_request_is_refused() -> None:
    subject = leasing()
    asked = subject.ask(0)
    defer = Defer(command=CommandId("c2"), request_no=asked.number - 1, reason="", wait_ns=5)

    assert subject.deferred(defer, 0) == "request"
    assert subject.asked == asked


def test_a_grant_that_comes_too_late_to_be_used_is_refused() -> None:
    subject = leasing()
    asked = subject.ask(0)
    late_ns = seconds(900) - subject.margin_ns

    assert subject.granted(grant(request_no=asked.number), STANDING, late_ns) == "lease"
    assert subject.lease is None


def test_a_renewal_is_due_at_half_life_and_repeated() -> None:
    subject = leased()

    assert not subject.renewal_due(seconds(449))
    assert subject.renewal_due(seconds(450))

    subject.ask_renewal(seconds(450), reachable=True)
    assert not subject.renewal_due(seconds(479))
    assert subject.renewal_due(seconds(480))


def test_a_renewal_counts_from_the_sending_of_its_request() -> None:
    subject = leased()
    asked = subject.ask_renewal(seconds(450), reachable=True)

    assert subject.renewed(renew(asked.number)) is None

    assert subject.live(seconds(1340) - subject.margin_ns)
    assert not subject.live(seconds(1350) - subject.margin_ns)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"request_no": 5}, "request"),
        ({"authority": AuthorityId("ma-9")}, "authority"),
        ({"lifetime_ns": 0}, "grant_values"),
    ],
)
def test_a_renewal_that_does_not_fit_is_refused(change: dict[str, object], reason: str) -> None:
    subject = leased()
    asked = subject.ask_renewal(seconds(450), reachable=True)
    before = subject.lease

    assert subject.renewed(msgspec.structs.replace(renew(asked.number), **change)) == reason
    assert subject.lease == before


def test_renewals_in_vain_after_the_end_are_hopeless_only_if_the_scheduler_is_there() -> None:
    for reachable in (True, False):
        subject = leased()
        for turn in range(5):
            subject.ask_renewal(seconds(900 + 30 * turn), reachable=reachable)

        assert subject.hopeless is reachable


def test_a_local_clock_that_jumped_ends_every_permission() -> None:
    subject = leased()

    subject.revoke(seconds(5))

    assert not subject.live(seconds(5))
    assert not subject.live(0)
