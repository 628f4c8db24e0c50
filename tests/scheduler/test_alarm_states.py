"""The table of an alarm's states: what is in it, and what is refused."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunaredge.errors import LocalProtocolError
from lunaredge.scheduler.alarm_states import (
    TRANSITIONS,
    UP,
    AlarmEvent,
    AlarmState,
    page,
)
from lunaredge.transitions import after

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "alarm-states.md"


@given(st.sampled_from(AlarmState), st.sampled_from(AlarmEvent))
def test_what_is_not_in_the_table_raises(state: AlarmState, event: AlarmEvent) -> None:
    if (state, event) in TRANSITIONS:
        assert after(TRANSITIONS, state, event) is TRANSITIONS[(state, event)]
    else:
        with pytest.raises(LocalProtocolError, match=event.value):
            after(TRANSITIONS, state, event)


@pytest.mark.parametrize("state", AlarmState)
def test_a_condition_may_come_and_go_wherever_it_can(state: AlarmState) -> None:
    could_come = state not in UP
    could_go = state in UP or state is AlarmState.SHELVED

    assert ((state, AlarmEvent.RAISE) in TRANSITIONS) is could_come
    for event in (AlarmEvent.RETURN, AlarmEvent.LATCH, AlarmEvent.WORSEN):
        assert ((state, event) in TRANSITIONS) is could_go


def test_a_latched_alarm_lets_go_by_a_persons_word_alone() -> None:
    ways_out = {event for state, event in TRANSITIONS if state is AlarmState.LATCHED}

    assert ways_out == {AlarmEvent.ACKNOWLEDGE, AlarmEvent.RAISE}
    assert after(TRANSITIONS, AlarmState.ACKNOWLEDGED, AlarmEvent.LATCH) is AlarmState.LATCHED


def test_every_state_can_be_reached_and_left() -> None:
    reached = {AlarmState.NORMAL}
    for _ in AlarmState:
        reached |= {target for (source, _), target in TRANSITIONS.items() if source in reached}

    assert reached == set(AlarmState)
    assert {source for source, _ in TRANSITIONS} == set(AlarmState)


def test_the_page_in_the_docs_is_drawn_from_this_table() -> None:
    assert PAGE.read_text(encoding="utf-8") == page()


def test_the_diagram_has_every_transition() -> None:
    assert page().count(" --> ") == len(TRANSITIONS) + 1
