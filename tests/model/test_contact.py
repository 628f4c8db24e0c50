"""The contact plan: what is open now, and what comes next."""

import pytest

from lunaredge.model.contact import LINK_PRESETS, Contact, ContactPlan


def contact(link: str, start_ns: int, end_ns: int) -> Contact:
    return Contact(link=link, start_ns=start_ns, end_ns=end_ns, light_time_s=1.3)


RELAY = contact("relay", 10, 20)
LEAN = contact("lean", 15, 30)
LATER = contact("relay", 40, 50)
PLAN = ContactPlan(contacts=(RELAY, LEAN, LATER))


@pytest.mark.parametrize(
    ("now_ns", "expected"),
    [
        (9, None),
        (10, RELAY),
        (14, RELAY),
        (15, LEAN),
        (20, LEAN),
        (29, LEAN),
        (30, None),
        (50, None),
    ],
)
def test_the_open_contact_that_ends_last_counts(now_ns: int, expected: Contact | None) -> None:
    assert PLAN.at(now_ns) == expected


@pytest.mark.parametrize(
    ("now_ns", "expected"), [(0, RELAY), (10, LEAN), (15, LATER), (39, LATER), (40, None)]
)
def test_the_next_contact_starts_strictly_later(now_ns: int, expected: Contact | None) -> None:
    assert PLAN.next_after(now_ns) == expected


def test_a_plan_without_contacts_is_one_long_outage() -> None:
    empty = ContactPlan(contacts=())

    assert empty.at(0) is None
    assert empty.next_after(0) is None


def test_equal_contacts_are_told_apart_by_their_links_name() -> None:
    one, other = contact("kibo", 0, 10), contact("lean", 0, 10)

    chosen = [ContactPlan(contacts=pair).at(5) for pair in ((one, other), (other, one))]

    assert chosen == [other, other]


def test_every_preset_names_its_source_and_has_rates() -> None:
    assert all(preset.source for preset in LINK_PRESETS.values())
    assert all(preset.to_earth_bps >= preset.to_moon_bps > 0 for preset in LINK_PRESETS.values())
    assert all(name == preset.name for name, preset in LINK_PRESETS.items())
