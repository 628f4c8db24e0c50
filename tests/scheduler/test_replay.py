"""The journal played again: what it rebuilds, and what it is refused for."""

import msgspec
import pytest

from lunaredge.errors import ConfigError, JournalCorrupt
from lunaredge.ids import BootId, NodeId
from lunaredge.model.fleet import Fleet
from lunaredge.model.task import TaskKind
from lunaredge.node import Note
from lunaredge.scheduler.config import SchedulerConfig
from lunaredge.scheduler.inputs import decode_entry, encode_entry
from lunaredge.scheduler.node import JOURNAL, SchedulerNode
from lunaredge.scheduler.state import SchedulerState
from lunaredge.wire import messages
from tests.scheduler import plain_site
from tests.scheduler.replays import busy_site, replayed
from tests.scheduler.rig import Site


def test_a_journal_rebuilds_the_scheduler_exactly() -> None:
    site = busy_site()

    again = replayed(site, list(site.rows()))

    assert again.digest() == site.scheduler.digest()


def test_a_kill_between_any_two_inputs_loses_nothing_that_was_written() -> None:
    site = Site()
    digests: dict[int, str] = {}
    carry_out = site.carry_out

    def recorded() -> list[object]:
        effects = carry_out()
        entries = [place[2] for place in site.disk if place[0] == JOURNAL]
        digests[max(entries)] = site.scheduler.digest()
        return effects

    site.carry_out = recorded  # type: ignore[method-assign, assignment]
    site.census()
    site.submit(plain_site.order(plain_site.grade()))
    site.solve()

    for entry_no, digest in digests.items():
        kept = [r for r in site.rows() if r.table != JOURNAL or r.number <= entry_no]
        assert replayed(site, kept).digest() == digest
    assert len(digests) > 15


def test_a_checkpoint_stands_for_the_journal_before_it() -> None:
    site = Site()
    config = SchedulerConfig(site=site.site.name, checkpoint_entries=5)
    site.scheduler.config = config
    site.census()
    site.submit(plain_site.order(plain_site.grade()))

    again = replayed(site, list(site.rows()), config)

    assert len([place for place in site.disk if place[0] == JOURNAL]) < 5
    assert again.digest() == site.scheduler.digest()


def test_a_checkpoint_keeps_a_way_of_no_length_byte_for_byte() -> None:
    # The excavator stands where it digs: the way there was an integer 0, and came back as 0.0.
    site = Site()
    site.census()
    dig = plain_site.task(
        "dig", TaskKind.EXCAVATE, zone="pit", pile="pile", mass_kg=50.0, stand=(65.0, 22.0)
    )
    site.submit(plain_site.order(dig))
    site.solve()
    site.reply("excavator-1", site.assignment("excavator-1").command)
    site.request("excavator-1", 1, at=(65.0, 22.0))
    site.solve()

    state = site.scheduler.core.state
    assert state.nodes[NodeId("excavator-1")].granted is not None
    assert SchedulerState.decoded(state.encoded()).digest() == state.digest()
    assert replayed(site, list(site.rows())).digest() == state.digest()


def test_a_hole_in_the_journal_is_an_error_that_says_what_to_do() -> None:
    site = busy_site()
    rows = [row for row in site.rows() if not (row.table == JOURNAL and row.number == 7)]

    with pytest.raises(JournalCorrupt, match="entry 7 is missing or damaged; restore"):
        replayed(site, rows)


@pytest.mark.parametrize("table", ["journal", "checkpoint"])
def test_a_damaged_entry_is_not_led_from_wherever_it_stands(table: str) -> None:
    site = Site()
    config = SchedulerConfig(site=site.site.name, checkpoint_entries=5)
    site.scheduler = SchedulerNode(
        config, site.site, site.fleet, BootId(2), signer=site.lead, keyring=site.keyring
    )
    site.scheduler.restore([], site.now_ns)
    site.scheduler.connected(site.now_ns)
    site.census()
    last = max(place for place in site.disk if place[0] == table)
    site.disk[last] = b""

    with pytest.raises(JournalCorrupt, match=r"damaged.*restore the scheduler's store from a copy"):
        replayed(site, list(site.rows()), config)


def test_journal_rows_older_than_the_checkpoint_are_passed_over() -> None:
    site = Site()
    before = [row for row in site.rows() if row.table == JOURNAL]
    site.scheduler.config = SchedulerConfig(site=site.site.name, checkpoint_entries=5)
    site.census()

    rows = [row for row in site.rows() if row.table != JOURNAL]
    rows += before + [row for row in site.rows() if row.table == JOURNAL]

    assert before
    assert replayed(site, rows).digest() == site.scheduler.digest()


@pytest.mark.parametrize("checkpoint_entries", [5, 20_000])
def test_a_machine_that_was_heard_can_not_be_left_out_of_the_fleet(checkpoint_entries: int) -> None:
    site = Site()
    config = SchedulerConfig(site=site.site.name, checkpoint_entries=checkpoint_entries)
    site.scheduler.config = config
    site.census()

    site.fleet = without(site.fleet, "grader-2")

    with pytest.raises(ConfigError, match=r"fleet file: nodes: .*'grader-2'; put it back"):
        replayed(site, list(site.rows()), config)


@pytest.mark.parametrize("checkpoint_entries", [5, 20_000])
def test_a_machine_that_was_never_heard_can_be_left_out(checkpoint_entries: int) -> None:
    site = Site()
    config = SchedulerConfig(site=site.site.name, checkpoint_entries=checkpoint_entries)
    site.scheduler.config = config
    site.census("excavator-1", "grader-1", "hauler-1", "dc-1")

    site.fleet = without(site.fleet, "grader-2")
    again = replayed(site, list(site.rows()), config)

    assert NodeId("grader-2") not in again.core.state.nodes


def without(fleet: Fleet, name: str) -> Fleet:
    return Fleet(nodes=tuple(node for node in fleet.nodes if node.name != name))


def test_a_machine_that_a_person_vouched_for_can_not_be_left_out_either() -> None:
    site = Site()
    site.census("excavator-1", "grader-1", "hauler-1", "dc-1")
    site.wait(901.0)
    body = messages.VouchRequest(request="a", node=NodeId("grader-2"), at=(50.0, 60.0))
    code = site.ask(body).text.split("code ")[1].split()[0]
    site.ask(msgspec.structs.replace(body, request="b", code=code))

    site.scheduler._write_checkpoint()
    site.carry_out()

    site.fleet = without(site.fleet, "grader-2")

    with pytest.raises(ConfigError, match="put it back"):
        replayed(site, list(site.rows()))


def anew(site: Site) -> SchedulerNode:
    """Give another scheduler of the site, which knows nothing yet."""
    return SchedulerNode(
        site.scheduler.config,
        site.site,
        site.fleet,
        BootId(99),
        signer=site.lead,
        keyring=site.keyring,
    )


def test_a_journal_that_is_played_differently_now_is_reported() -> None:
    site = busy_site()
    place = max(place for place in site.disk if place[0] == JOURNAL)
    entry = decode_entry(site.disk[place])
    site.disk[place] = encode_entry(msgspec.structs.replace(entry, intents_crc=1))

    site.scheduler.take_effects()
    again = anew(site)
    again.restore(site.rows(), site.now_ns)

    notes = [one for one in again.take_effects() if isinstance(one, Note)]
    (note,) = [note for note in notes if note.event == "journal.differed"]
    assert note.fields == {"entries": 1, "first": place[2]}
    alarm = again.core.state.alarms["scheduler/journal.differed"]
    assert alarm.active
    assert "may NOT be closed" in alarm.text


def test_what_yet_another_version_plays_differently_is_reported_again() -> None:
    site = busy_site()
    first, second = sorted(place for place in site.disk if place[0] == JOURNAL)[-2:]

    def tamper(place: tuple[str, str, int]) -> bytes:
        entry = decode_entry(site.disk[place])
        sound, site.disk[place] = (
            site.disk[place],
            encode_entry(msgspec.structs.replace(entry, intents_crc=entry.intents_crc ^ 1)),
        )
        return sound

    sound = tamper(first)
    site.start()
    site.disk[first] = sound
    tamper(second)

    again = anew(site)
    again.restore(site.rows(), site.now_ns)

    notes = [one for one in again.take_effects() if isinstance(one, Note)]
    (note,) = [note for note in notes if note.event == "journal.differed"]
    assert note.fields == {"entries": 1, "first": second[2]}


def test_the_alarm_of_a_journal_that_is_played_differently_is_shown_for_an_hour() -> None:
    site = Site()
    site.census()
    place = max(place for place in site.disk if place[0] == JOURNAL)
    entry = decode_entry(site.disk[place])
    site.disk[place] = encode_entry(msgspec.structs.replace(entry, intents_crc=1))
    site.start()
    site.census()
    alarm = site.scheduler.core.state.alarms["scheduler/journal.differed"]

    site.wait(3_500.0)
    still_active = alarm.active
    site.census()
    site.wait(200.0)
    was_cleared = not alarm.active
    site.start()

    assert still_active
    assert was_cleared
    # What differed can still be looked at.
    assert anew(site).replay(site.rows()) == 1
    assert not site.scheduler.core.state.alarms["scheduler/journal.differed"].active
