import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunaredge.agent.clock import CONTRADICTED, ClockErrors, SiteClock, shortened_ns
from lunaredge.units import NS_PER_S
from lunaredge.wire.messages import TimeReply

OFFSET_NS = 1_790_000_000 * NS_PER_S


ERRORS = ClockErrors(drift_ppm=100.0, unwatched_ratio=0.12, apart_ns_max=2 * NS_PER_S)


def clock() -> SiteClock:
    return SiteClock(ERRORS, round_trip_ns_max=20 * NS_PER_S)


def exchange(subject: SiteClock, sent_ns: int, there_ns: int, back_ns: int) -> str | None:
    """Ask at a time and get an answer that took that long there and back."""
    subject.requested(sent_ns)
    reply = TimeReply(local_ns=sent_ns, site_ns=sent_ns + there_ns + OFFSET_NS)
    return subject.answered(reply, sent_ns + there_ns + back_ns)


def test_site_time_is_not_known_before_an_answer() -> None:
    subject = clock()

    assert subject.site_ns(5) is None
    assert subject.error_ns(5) is None
    assert not subject.within(10**18, 5)


@given(st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 10**9)), min_size=1, max_size=8))
def test_the_truth_is_within_the_bound_whatever_the_delays(delays: list[tuple[int, int]]) -> None:
    subject = clock()

    for turn, (there_ns, back_ns) in enumerate(delays):
        sent_ns = turn * 30 * NS_PER_S
        assert exchange(subject, sent_ns, there_ns, back_ns) is None

        now_ns = sent_ns + 20 * NS_PER_S
        site_ns, error_ns = subject.site_ns(now_ns), subject.error_ns(now_ns)
        assert site_ns is not None
        assert error_ns is not None
        assert abs(site_ns - (now_ns + OFFSET_NS)) <= error_ns


def test_a_slow_answer_does_not_spoil_a_good_estimate() -> None:
    subject = clock()
    exchange(subject, 0, 1_000_000, 1_000_000)

    assert exchange(subject, 3 * NS_PER_S, 0, 4 * NS_PER_S) is None

    error_ns = subject.error_ns(7 * NS_PER_S)
    assert error_ns is not None
    assert error_ns < NS_PER_S


def test_unwatched_the_bound_grows_with_the_rate_of_a_broken_clock() -> None:
    subject = clock()
    exchange(subject, 0, 0, 0)

    error_ns = subject.error_ns(1000 * NS_PER_S)

    assert error_ns == 1 + 120 * NS_PER_S


def test_a_clock_that_is_vouched_for_grows_by_its_drift_and_what_the_watch_lets_pass() -> None:
    subject = clock()
    exchange(subject, 0, 0, 0)

    errors_ns = []
    for after_s in (0, 10, 1000):
        subject.vouched(after_s * NS_PER_S)
        errors_ns.append(subject.error_ns(after_s * NS_PER_S))

    assert errors_ns == [1, 1 + 1_200_000_000, 1 + 2_100_000_000]


def test_after_the_last_word_of_the_watch_the_bound_grows_fast_again() -> None:
    subject = clock()
    subject.vouched(0)
    exchange(subject, 0, 0, 0)
    subject.vouched(1000 * NS_PER_S)

    error_ns = subject.error_ns(1100 * NS_PER_S)

    assert error_ns == 1 + 2_100_000_000 + 12 * NS_PER_S


def test_a_gap_in_the_watch_that_ends_well_has_cost_nothing() -> None:
    subject = clock()
    subject.vouched(0)
    exchange(subject, 0, 0, 0)
    subject.vouched(500 * NS_PER_S)

    subject.vouched(1000 * NS_PER_S)

    assert subject.error_ns(1000 * NS_PER_S) == 1 + 2_100_000_000


def test_a_watch_vouches_for_nothing_before_it_began() -> None:
    subject = clock()
    exchange(subject, 0, 0, 0)

    for after_s in (90, 100, 1000):
        subject.vouched(after_s * NS_PER_S)

    unwatched_ns = 90 * NS_PER_S * 12 // 100
    assert subject.error_ns(1000 * NS_PER_S) == 1 + unwatched_ns + 2_091_000_000


def test_after_the_clock_was_distrusted_the_watch_begins_anew() -> None:
    subject = clock()
    subject.vouched(0)
    exchange(subject, 0, 0, 0)
    subject.forget()
    exchange(subject, 100 * NS_PER_S, 0, 0)

    subject.vouched(200 * NS_PER_S)

    assert subject.error_ns(200 * NS_PER_S) >= 12 * NS_PER_S


def test_a_watched_clock_stays_good_for_hours_unheard() -> None:
    subject = clock()
    subject.vouched(0)
    exchange(subject, 0, 10_000_000, 10_000_000)
    hours_ns = 6 * 3_600 * NS_PER_S

    subject.vouched(hours_ns)

    assert subject.within(5 * NS_PER_S, hours_ns + 5 * NS_PER_S)


def test_an_aged_estimate_gives_way_to_a_worse_round_trip() -> None:
    subject = clock()
    exchange(subject, 0, 0, 0)

    exchange(subject, 100_000 * NS_PER_S, NS_PER_S, NS_PER_S)

    error_ns = subject.error_ns(100_002 * NS_PER_S)
    assert error_ns is not None
    assert error_ns < 2 * NS_PER_S


def test_an_answer_that_was_not_asked_for_is_refused() -> None:
    subject = clock()
    exchange(subject, 0, 0, 0)

    again = subject.answered(TimeReply(local_ns=0, site_ns=OFFSET_NS), 0)

    assert again == "time_unasked"


def test_an_answer_to_another_life_is_refused() -> None:
    subject = clock()

    reason = subject.answered(TimeReply(local_ns=77, site_ns=OFFSET_NS), 100)

    assert reason == "time_unasked"
    assert subject.site_ns(100) is None


def test_a_very_slow_answer_is_refused() -> None:
    subject = clock()

    assert exchange(subject, 0, 15 * NS_PER_S, 6 * NS_PER_S) == "time_slow"
    assert subject.site_ns(0) is None


@pytest.mark.parametrize("site_ns", [0, -5, 2**63])
def test_an_answer_that_can_be_no_site_time_is_refused(site_ns: int) -> None:
    subject = clock()
    subject.requested(0)

    assert subject.answered(TimeReply(local_ns=0, site_ns=site_ns), 5) == "time_impossible"
    assert subject.site_ns(5) is None


@pytest.mark.parametrize("local_s", [18, 22], ids=["slow", "fast"])
@pytest.mark.parametrize("there_s", [0, 20])
def test_the_truth_is_within_the_bound_though_the_clock_ran_wrong_on_the_way(
    local_s: int, there_s: int
) -> None:
    subject = SiteClock(ERRORS, round_trip_ns_max=30 * NS_PER_S)
    now_ns, true_ns = local_s * NS_PER_S, OFFSET_NS + 20 * NS_PER_S
    subject.requested(0)

    subject.answered(TimeReply(local_ns=0, site_ns=OFFSET_NS + there_s * NS_PER_S), now_ns)

    site_ns, error_ns = subject.site_ns(now_ns), subject.error_ns(now_ns)
    assert site_ns is not None
    assert error_ns is not None
    assert abs(site_ns - true_ns) <= error_ns


def test_an_answer_that_contradicts_the_estimate_is_told_as_such() -> None:
    subject = clock()
    exchange(subject, 0, 0, 0)
    subject.requested(NS_PER_S)

    reason = subject.answered(
        TimeReply(local_ns=NS_PER_S, site_ns=OFFSET_NS + 90 * NS_PER_S), NS_PER_S
    )

    assert reason == CONTRADICTED
    assert subject.site_ns(NS_PER_S) == OFFSET_NS + NS_PER_S


def test_the_next_answer_to_a_clock_that_forgot_is_believed() -> None:
    subject = clock()
    exchange(subject, 0, 0, 0)

    subject.forget()
    assert subject.site_ns(NS_PER_S) is None

    assert exchange(subject, 2 * NS_PER_S, 0, 0) is None

    assert subject.site_ns(3 * NS_PER_S) == OFFSET_NS + 3 * NS_PER_S


def test_an_answer_delayed_both_ways_never_contradicts_a_sound_clock() -> None:
    subject = clock()
    exchange(subject, 0, 0, 0)

    reasons = [
        exchange(subject, NS_PER_S, 19 * NS_PER_S, 0),
        exchange(subject, 0, 0, 19 * NS_PER_S),
    ]

    assert reasons == [None, None]


def test_only_the_newest_requests_are_remembered() -> None:
    subject = clock()

    for sent_ns in range(10):
        subject.requested(sent_ns)

    assert subject.answered(TimeReply(local_ns=5, site_ns=OFFSET_NS), 10) == "time_unasked"
    assert subject.answered(TimeReply(local_ns=6, site_ns=OFFSET_NS), 10) is None


@given(st.integers(0, 10**15))
def test_a_shortened_lifetime_ends_first_even_on_the_slowest_clock(lifetime_ns: int) -> None:
    local_ns = shortened_ns(lifetime_ns, 100.0)

    assert local_ns * (1 + 100e-6) <= lifetime_ns
    assert local_ns >= lifetime_ns * 0.9998 - 2
