"""The archive's silence: people are told, once, and only when it could have been heard."""

import pytest

from lunaredge.units import NS_PER_S
from lunaredge.wire import topics
from lunaredge.wire.messages import View
from tests.scheduler.rig import Site

SILENT_S = 300.0


@pytest.fixture
def site():
    return Site()


def show(site, *, age_s=0.0, signer=None, name=topics.INTAKE):
    """Have the archive show its work, made so long ago."""
    made_ns = site.now_ns - round(age_s * NS_PER_S)
    view = View(name=name, site_ns=made_ns, rows=b"\x90", left_out=0)
    payload = site.frame(signer or site.archivist, view)
    site.hear(topics.view(site.site.name, name), payload)
    return payload


def alarm(site):
    return site.scheduler.core.state.alarms.get("archive/archive.silent")


def is_up(site):
    return alarm(site) is not None and alarm(site).active


def test_silence_is_told_once_and_ends_with_the_next_word(site):
    site.wait(SILENT_S - 1.0)
    assert alarm(site) is None
    site.wait(2.0)
    assert "nothing for 300 s" in alarm(site).text
    site.wait(3_600.0)
    assert alarm(site).raise_count == 1

    show(site)

    assert not is_up(site)


def test_who_shows_its_work_is_not_silent(site):
    for _ in range(100):
        show(site)
        site.wait(30.0)

    assert alarm(site) is None


def test_a_picture_that_lay_at_the_broker_is_no_word(site):
    payload = show(site, age_s=SILENT_S)
    for _ in range(12):
        site.wait(30.0)
        site.hear(topics.view(site.site.name, topics.INTAKE), payload)

    assert is_up(site)


def test_a_clock_put_right_makes_nobody_silent(site):
    show(site, age_s=-86_400.0)
    for _ in range(20):
        site.wait(30.0)
        show(site)

    assert alarm(site) is None


@pytest.mark.parametrize("who", ["operator", "lead", "gateway"])
def test_nobody_else_speaks_for_it(site, who):
    site.wait(SILENT_S + 1.0)

    show(site, signer=getattr(site, who))

    assert is_up(site)
    assert site.scheduler.refusals.by_reason["not_authentic"] == 1


def test_nobody_is_silent_while_the_broker_is_away(site):
    site.scheduler.disconnected(site.now_ns)
    site.wait(2 * SILENT_S)
    assert alarm(site) is None

    site.scheduler.connected(site.now_ns)
    site.wait(SILENT_S - 1.0)
    assert alarm(site) is None
    site.wait(2.0)
    assert is_up(site)


def test_a_new_life_of_the_scheduler_waits_for_a_word_and_takes_the_alarm_back(site):
    site.wait(SILENT_S + 1.0)
    site.start()
    site.wait(1.0)
    assert is_up(site)

    show(site, age_s=20.0)

    assert not is_up(site)
    site.start()
    assert not is_up(site)


def test_what_it_came_to_is_replayed_from_the_journal(site):
    site.wait(SILENT_S + 1.0)
    told = alarm(site)

    again = site.start().core.state.alarms["archive/archive.silent"]

    assert (again.since_ns, again.text) == (told.since_ns, told.text)
