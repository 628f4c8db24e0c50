import json

import pytest

from lunaredge.errors import ConfigError
from lunaredge.examples import demo_site
from lunaredge.model.contact import LINK_PRESETS
from lunaredge.runtime.files.contact_file import load_contacts
from lunaredge.units import NS_PER_S

FIRST_NS = 1_830_297_600 * NS_PER_S  # 2028-01-01T00:00:00Z


def plan(**changes):
    contacts = [
        {"link": "DTE", "start": "2028-01-01T01:00:00Z", "end": "2028-01-01T02:00:00Z"},
        {"link": "RELAY", "start": "2028-01-01T01:30:00Z", "end": "2028-01-01T03:00:00Z"},
        {"link": "DTE", "start": "2028-01-01T02:00:00Z", "end": "2028-01-01T04:00:00.25Z"},
    ]
    for contact in contacts:
        contact["owlt_s"] = 1.28
    place = {"name": "CR1", "lat": -89.4632, "lon_e": 222.51, "mast_m": 10}
    return {"site": place, "epoch": "2028-01-01T00:00:00Z", "contacts": contacts} | changes


def write(folder, written):
    path = folder / "contacts.json"
    path.write_text(json.dumps(written))
    return path


def refusal(folder, written):
    with pytest.raises(ConfigError) as caught:
        load_contacts(write(folder, written))
    assert "\n" not in str(caught.value)
    return caught.value


def test_windows_are_read_in_whole_nanoseconds_of_site_time(tmp_path):
    read = load_contacts(write(tmp_path, plan()))

    last = read.plan.contacts[2]
    assert read.epoch_ns == FIRST_NS
    assert last.start_ns == FIRST_NS + 2 * 3600 * NS_PER_S
    assert last.end_ns == FIRST_NS + 4 * 3600 * NS_PER_S + NS_PER_S // 4
    assert last.light_time_s == 1.28
    assert read.preset is None


def test_a_preset_is_looked_up_by_its_name(tmp_path):
    assert load_contacts(write(tmp_path, plan(preset="lean"))).preset is LINK_PRESETS["lean"]

    error = refusal(tmp_path, plan(preset="laser"))
    assert error.key == "preset"
    assert "moonlight-k" in error.remedy


def test_the_published_sixty_day_plan_is_read_whole():
    read = load_contacts(demo_site() / "contact_plan_cr1_60d.json")

    links = [contact.link for contact in read.plan.contacts]
    assert (links.count("DTE"), links.count("RELAY")) == (3, 134)
    assert read.epoch_ns == FIRST_NS


@pytest.mark.parametrize(
    ("i", "changes", "key", "problem"),
    [
        (0, {"start": "2028-01-01 01:00:00"}, "start", "not written as it must be"),
        (0, {"start": "2028-01-01T01:00:00+01:00"}, "start", "not written as it must be"),
        (0, {"start": "2028-13-01T01:00:00Z"}, "start", "month must be in 1..12"),
        (0, {"start": "1969-12-31T01:00:00Z"}, "start", "not written as it must be"),
        (0, {"start": 1}, "start", "valid string"),
        (0, {"end": "2028-01-01T01:00:00Z"}, "end", "ends before it starts"),
        (0, {"hours": 2.0}, "hours", "1.00 h apart"),
        (0, {"owlt_s": 0.4}, "owlt_s", "greater than or equal to 0.5"),
        (0, {"owlt_s": 1280}, "owlt_s", "less than or equal to 5"),
        (0, {"owlt_s": "1.28"}, "owlt_s", "valid number"),
        (0, {"rate": 1}, "rate", "not known"),
        (0, {"link": ""}, "link", "at least 1"),
        (1, {"start": "2028-01-01T00:30:00Z"}, "start", "before it starts later"),
        (2, {"start": "2028-01-01T01:59:00Z"}, "start", "link DTE is still open"),
    ],
)
def test_a_window_that_cannot_be_is_refused_by_its_key(tmp_path, i, changes, key, problem):
    written = plan()
    written["contacts"][i] |= changes

    error = refusal(tmp_path, written)

    assert error.key == f"contacts[{i}].{key}"
    assert problem in error.problem
    assert error.remedy


def test_windows_of_different_links_may_overlap_and_one_may_follow_on_another(tmp_path):
    assert len(load_contacts(write(tmp_path, plan())).plan.contacts) == 3


@pytest.mark.parametrize("key", ["site", "epoch", "contacts"])
def test_a_plan_without_a_part_is_refused(tmp_path, key):
    written = plan()
    del written[key]

    assert refusal(tmp_path, written).key == key
