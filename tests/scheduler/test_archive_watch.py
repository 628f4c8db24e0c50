"""The archive's silence: people are told, once, and only when it could have been heard."""

import pytest

from lunaredge.ids import BootId, KeyId
from lunaredge.scheduler.alarm_entry import AlarmEntry
from lunaredge.units import NS_PER_S
from lunaredge.wire import topics
from lunaredge.wire.messages import RebirthRequest, View
from lunaredge.wire.records import AlarmLevel
from lunaredge.wire.seal import Role
from tests.scheduler.rig import Site, key

SILENT_S = 300.0


@pytest.fixture
def site():
    return Site()


def picture(site, *, age_s=0.0, signer=None, boot=1, body=None):
    """Give what the archive shows of its work, made so long ago."""
    made_ns = site.now_ns - round(age_s * NS_PER_S)
    body = body or View(name=topics.INTAKE, site_ns=made_ns, rows=b"\x90", left_out=0)
    return site.frame(signer or site.archivist, body, boot=BootId(boot), site_ns=made_ns)


def show(site, payload=None, *, name=topics.INTAKE, **words):
    site.hear(topics.view(site.site.name, name), payload or picture(site, **words))


def alarm(site):
    return site.scheduler.core.state.alarms.get("archive/archive.silent")


def is_up(site):
    return alarm(site) is not None and alarm(site).active


def entries(site):
    return sum(b"archive_silence" in value for (table, *_), value in site.disk.items())


def test_silence_is_told_once_and_ends_with_the_next_word(site):
    site.wait(SILENT_S - 1.0)
    assert alarm(site) is None
    site.wait(2.0)
    assert "nothing for 300 s" in alarm(site).text
    assert "clock" not in alarm(site).text
    site.wait(3_600.0)
    assert alarm(site).raise_count == 1

    show(site)

    assert not is_up(site)
    assert entries(site) == 2


def test_the_scheduler_listens_for_it_and_wakes_when_it_is_silent(site):
    assert topics.view(site.site.name, topics.INTAKE) in site.scheduler.subscriptions
    show(site)
    due_ns = site.now_ns + round(SILENT_S * NS_PER_S)

    while site.now_ns < due_ns:
        site.now_ns = min(site.scheduler.wakeup_ns(), due_ns)
        site.scheduler.tick(site.now_ns)

    assert is_up(site)


def test_who_shows_its_work_is_not_silent(site):
    for _ in range(100):
        show(site)
        site.wait(30.0)

    assert alarm(site) is None


def test_a_picture_that_the_broker_gives_again_is_no_word(site):
    payload = picture(site, age_s=10.0)
    for _ in range(12):
        show(site, payload)
        site.wait(30.0)

    assert is_up(site)


@pytest.mark.parametrize("life", [1, 7])
def test_old_pictures_one_after_the_other_hide_no_silence(site, life):
    tape = [picture(site, age_s=3_600.0 - 30.0 * k, boot=1 + k % life) for k in range(80)]
    site.wait(SILENT_S + 1.0)
    site.start()

    for payload in tape:
        show(site, payload)
        site.wait(5.0)

    assert is_up(site)


@pytest.mark.parametrize(
    ("age_s", "said"), [(3_600.0, "3600 s behind"), (-86_400.0, "86400 s ahead of")]
)
def test_words_of_another_time_are_told_with_how_far_they_are_off(site, age_s, said):
    for _ in range(12):
        show(site, age_s=age_s)
        site.wait(30.0)
    assert f"its last word was {said} this one" in alarm(site).text

    show(site, boot=2)

    assert not is_up(site)


@pytest.mark.parametrize("who", ["operator", "lead", "gateway", "other"])
def test_nobody_else_speaks_for_it(site, who):
    site.other = key("archive-2", Role.ARCHIVE)
    site.keyring = type(site.keyring)(
        {KeyId("archive-2"): site.other.public} | site.keyring._publics
    )
    site.start()
    site.wait(SILENT_S + 1.0)

    show(site, signer=getattr(site, who))

    assert is_up(site)
    assert site.scheduler.refusals.by_reason["not_authentic"] == 1


def test_only_its_picture_is_a_word(site):
    site.wait(SILENT_S + 1.0)

    show(site, body=RebirthRequest())
    show(site, name="nodes")

    assert is_up(site)
    assert site.scheduler.refusals.by_reason == {"unexpected": 1, "unknown_node": 1}


def test_nobody_is_silent_while_the_broker_is_away(site):
    site.scheduler.disconnected(site.now_ns)
    site.wait(2 * SILENT_S)
    assert alarm(site) is None

    site.scheduler.connected(site.now_ns)
    site.wait(SILENT_S - 1.0)
    assert alarm(site) is None
    site.wait(2.0)
    assert is_up(site)


def test_a_link_that_breaks_again_and_again_hides_no_silence(site):
    show(site)
    for _ in range(4):
        site.wait(SILENT_S / 4)
        site.scheduler.disconnected(site.now_ns)
        site.wait(60.0)
        site.scheduler.connected(site.now_ns)
    assert "nothing for 300 s" in alarm(site).text

    show(site)
    site.wait(SILENT_S / 2)

    assert not is_up(site)


def test_a_new_life_of_the_scheduler_waits_for_a_word_and_takes_the_alarm_back(site):
    site.wait(SILENT_S + 1.0)
    told = alarm(site)
    site.start()
    site.wait(1.0)
    assert (alarm(site).since_ns, alarm(site).text) == (told.since_ns, told.text)

    show(site, age_s=20.0)

    assert not is_up(site)
    site.start()
    assert not is_up(site)


def test_a_full_table_of_alarms_is_told_once_as_well():
    site = Site(alarms_max=1)
    critical = AlarmEntry(
        source="x",
        code="y",
        text="",
        active=True,
        since_ns=site.now_ns,
        level=AlarmLevel.CRITICAL,
    )
    site.scheduler.core.ctx.take_alarm(critical)

    site.wait(SILENT_S + 3_600.0)

    assert alarm(site) is None
    assert entries(site) == 1


def test_a_site_without_an_archive_can_leave_it_out():
    site = Site(archive_silent_ns=0)

    site.wait(7_200.0)
    show(site)

    assert alarm(site) is None
    assert entries(site) == 0
