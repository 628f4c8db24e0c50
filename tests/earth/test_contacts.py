import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunaredge.earth.contacts import Contacts, light_time_ns, room_bytes, sending_ns
from lunaredge.model.contact import Contact, ContactPlan
from lunaredge.units import NS_PER_S
from tests.earth.rig import contact, plan_of, seconds

times_s = st.integers(0, 50)


@st.composite
def plans(draw):
    starts_s = draw(st.lists(times_s, max_size=6))
    return ContactPlan(
        contacts=tuple(
            Contact(
                link=draw(st.sampled_from(("DTE", "RELAY"))),
                start_ns=seconds(start_s),
                end_ns=seconds(start_s + draw(st.integers(1, 20))),
                light_time_s=1.3,
            )
            for start_s in starts_s
        )
    )


@given(plans(), st.integers(-1, 80))
def test_the_bisected_plan_answers_as_the_plan_itself(plan, at_s):
    contacts = Contacts(plan)

    assert contacts.at(seconds(at_s)) == plan.at(seconds(at_s))
    assert contacts.next_after(seconds(at_s)) == plan.next_after(seconds(at_s))


@given(plans(), st.integers(-1, 80))
def test_between_two_edges_nothing_changes(plan, at_s):
    contacts = Contacts(plan)
    edge_ns = contacts.edge_after(seconds(at_s))

    last_ns = seconds(at_s + 100) if edge_ns is None else edge_ns - 1

    assert contacts.at(last_ns) == contacts.at(seconds(at_s))
    assert edge_ns is None or edge_ns > seconds(at_s)


def test_an_empty_plan_is_one_long_outage():
    contacts = Contacts(ContactPlan(contacts=()))

    assert contacts.at(seconds(0)) is None
    assert contacts.edge_after(seconds(0)) is None


@given(st.integers(0, 10_000), st.sampled_from((8e3, 55e3, 1.3e6, 200e6)))
def test_what_fits_lands_before_the_end_and_a_little_more_does_not(wait_ms, rate_bps):
    window = contact(0, 10)
    free_ns = seconds(wait_ms / 1000)

    fits_bytes = room_bytes(window, free_ns, rate_bps)
    landing_ns = free_ns + sending_ns(fits_bytes, rate_bps) + light_time_ns(window)
    too_late_ns = free_ns + sending_ns(fits_bytes + 2, rate_bps) + light_time_ns(window)

    assert fits_bytes == 0 or landing_ns <= window.end_ns + 1
    assert too_late_ns > window.end_ns


def test_light_time_counts_against_the_end():
    near, far = contact(0, 10, light_time_s=0.0), contact(0, 10, light_time_s=9.0)

    assert room_bytes(near, seconds(0), 8e3) == 10_000
    assert room_bytes(far, seconds(0), 8e3) == 1_000


@pytest.mark.parametrize(("rate_bps", "expected_s"), [(8e3, 1.0), (1e6, 0.008)])
def test_a_thousand_bytes_take_their_time(rate_bps, expected_s):
    assert sending_ns(1000, rate_bps) == pytest.approx(expected_s * NS_PER_S, abs=2)


def test_of_two_open_contacts_the_one_that_lasts_is_used():
    plan = ContactPlan(contacts=(*plan_of((0, 50)).contacts, contact(10, 90)))

    assert Contacts(plan).at(seconds(20)).end_ns == seconds(90)
