import msgspec
import pytest

from lunaredge.agent.leasing import Leasing
from lunaredge.ids import AuthorityId, CommandId
from lunaredge.wire.driver import Sample
from lunaredge.wire.messages import Defer, Grant, OnLoss, Renew, Shorten
from tests.agent.rig import boot_of, config
from tests.agent.test_authority import grant
from tests.agent.toy_machine import PATH, Machine, seconds

STANDING = Machine().sample(0)


def leasing(boot: int = 1) -> Leasing:
    return Leasing(config(), boot_of(boot))


def take(subject: Leasing, given: Grant, sample: Sample, now_ns: int) -> str | None:
    """Take a grant if nothing speaks against it."""
    refusal = subject.refusal(given, sample, now_ns)
    if refusal is None:
        subject.granted(given, now_ns)
    return refusal


def prolong(subject: Leasing, given: Renew) -> str | None:
    """Take a renewal if nothing speaks against it."""
    refusal = subject.renewal_refusal(given)
    if refusal is None:
        subject.renewed(given)
    return refusal


def leased(stop_m: float = 1000.0) -> Leasing:
    subject = leasing()
    asked = subject.ask(0)
    given = grant(request_no=asked.number, stop_m=stop_m)
    assert take(subject, given, STANDING, seconds(1)) is None
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

    assert take(subject, grant(request_no=older.number), STANDING, seconds(31)) == "request"
    assert take(subject, grant(request_no=newer.number), STANDING, seconds(31)) is None


def test_an_answer_counts_once() -> None:
    subject = leasing()
    asked = subject.ask(0)
    take(subject, grant(request_no=asked.number), STANDING, 1)

    assert take(subject, grant(request_no=asked.number), STANDING, 2) == "request"


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

    assert take(subject, grant(request_no=asked.number), STANDING, late_ns) == "lease"
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

    assert prolong(subject, renew(asked.number)) is None

    assert subject.live(seconds(1340) - subject.margin_ns)
    assert not subject.live(seconds(1350) - subject.margin_ns)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"request_no": 5}, "request"),
        ({"authority": AuthorityId("ma-9")}, "authority"),
        ({"lifetime_ns": 0}, "grant_values"),
        ({"revision": 0}, "revision"),
        ({"revision": 2}, "revision"),
    ],
)
def test_a_renewal_that_does_not_fit_is_refused(change: dict[str, object], reason: str) -> None:
    subject = leased()
    asked = subject.ask_renewal(seconds(450), reachable=True)
    before = subject.lease

    assert prolong(subject, msgspec.structs.replace(renew(asked.number), **change)) == reason
    assert subject.lease == before


def test_a_renewal_is_answered_once() -> None:
    subject = leased()
    answer = renew(subject.ask_renewal(seconds(450), reachable=True).number)

    prolong(subject, answer)

    assert not subject.unanswered
    assert prolong(subject, answer) == "request"


def test_a_farther_stop_point_is_asked_for_a_while_after_the_last_was_given() -> None:
    again_s = config().extend_retry_s
    subject = leased(stop_m=5.0)

    assert not subject.renewal_due(seconds(0.9 + again_s))
    assert subject.renewal_due(seconds(1.0 + again_s))

    asked = subject.ask_renewal(seconds(20), reachable=True)
    prolong(subject, msgspec.structs.replace(renew(asked.number), stop_m=6.0))
    assert not subject.renewal_due(seconds(19.9 + again_s))
    assert subject.renewal_due(seconds(20.0 + again_s))


def test_renewals_in_vain_before_an_answer_count_no_more() -> None:
    subject = leased()
    for turn in range(3):
        asked = subject.ask_renewal(seconds(900 + 30 * turn), reachable=True)
    prolong(subject, renew(asked.number))

    for turn in range(3):
        subject.ask_renewal(seconds(1900 + 30 * turn), reachable=True)

    assert not subject.hopeless


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


# --- what a lease permits, and until when -----------------------------------------------------


def with_a_way_home(**changes: object) -> Leasing:
    """Stand at the end of the way out, 20 m from home."""
    subject = leasing()
    asked = subject.ask(0)
    wanted: dict[str, object] = {
        "path": ((-20.0, 0.0), *PATH),
        "from_m": 20.0,
        "on_loss": OnLoss.HOME,
        "home_lifetime_ns": seconds(7200),
    }
    home = grant(request_no=asked.number, **(wanted | changes))
    assert take(subject, home, STANDING, seconds(1)) is None
    return subject


def test_a_lease_ends_early_by_the_time_to_stop_a_set_points_life_and_the_clocks_error() -> None:
    subject = leasing()
    settings = config()

    subject.allow_for(run_on_ns=seconds(15))

    clock_ns = seconds(settings.clock_margin_s)
    assert subject.margin_ns == settings.stopping_ns + seconds(15) + clock_ns


def test_a_lease_whose_leg_is_done_permits_nothing() -> None:
    subject = leased()
    assert subject.lease is not None

    subject.lease = msgspec.structs.replace(subject.lease, spent=True)

    assert not subject.live(seconds(2))
    assert not subject.short


def test_the_way_home_ends_early_as_well() -> None:
    subject = with_a_way_home()
    assert subject.lease is not None
    end_ns = subject.lease.home_expiry_ns - subject.margin_ns

    assert subject.leads_home(end_ns - 1)
    assert not subject.leads_home(end_ns)


def test_only_a_way_home_leads_home() -> None:
    stays = with_a_way_home(on_loss=OnLoss.STOP_POINT)
    at_home = with_a_way_home()
    assert at_home.lease is not None
    at_home.lease = msgspec.structs.replace(at_home.lease, station_m=0.1)

    assert not stays.leads_home(seconds(2))
    assert not at_home.leads_home(seconds(2))


def test_a_deferral_to_a_time_that_has_passed_is_none() -> None:
    subject = leasing()
    asked = subject.ask(seconds(50))
    past = Defer(command=CommandId("c2"), request_no=asked.number, reason="", wait_ns=-seconds(40))

    subject.deferred(past, seconds(60))

    assert not subject.ask_due(seconds(59))
    assert subject.ask_due(seconds(60))


def test_a_shortening_of_another_authority_is_refused() -> None:
    subject = leased()
    before = subject.lease
    shorten = Shorten(
        command=CommandId("c2"), authority=AuthorityId("ma-2"), stop_m=5.0, from_m=0.0, revision=2
    )

    assert subject.shortened(shorten, 1.0, None) == "authority"
    assert subject.lease == before


def test_a_stop_point_at_the_end_of_the_path_is_never_too_near() -> None:
    subject = leased()
    assert subject.lease is not None
    near = {"station_m": subject.lease.length_m - 5.0}

    subject.lease = msgspec.structs.replace(subject.lease, **near)
    at_the_end = subject.short
    subject.lease = msgspec.structs.replace(subject.lease, stop_m=subject.lease.length_m - 1.0)

    assert (at_the_end, subject.short) == (False, True)


def test_what_is_left_of_a_lease_is_left_to_set_points_too() -> None:
    subject = leased()
    assert subject.lease is not None
    end_ns = subject.lease.expiry_ns - subject.margin_ns

    assert subject.left_ns(end_ns - seconds(7)) == seconds(7)
    assert subject.left_ns(end_ns + seconds(7)) == 0
    assert subject.wakeups_ns()[-1] == end_ns
    assert leasing().left_ns(0) is None
