from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunaredge.agent.permit import INTERRUPTION
from lunaredge.agent.states import TRANSITIONS, Course, Event, State, page
from lunaredge.errors import LocalProtocolError
from lunaredge.transitions import after

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "agent-states.md"


@given(st.sampled_from(State), st.sampled_from(Event))
def test_what_is_not_in_the_table_raises_and_changes_nothing(state: State, event: Event) -> None:
    course = Course()
    course._state = state

    if (state, event) in TRANSITIONS:
        course.fire(event)
        assert course.state is TRANSITIONS[(state, event)]
    else:
        with pytest.raises(LocalProtocolError, match=event.value):
            course.fire(event)
        assert course.state is state


def test_only_a_census_leads_out_of_unproven_and_nothing_leads_back() -> None:
    out = {event for state, event in TRANSITIONS if state is State.UNPROVEN}

    assert out == {Event.PROVE}
    assert State.UNPROVEN not in TRANSITIONS.values()


def test_every_state_can_be_reached() -> None:
    reached = {State.UNPROVEN}
    for _ in State:
        reached |= {target for (source, _), target in TRANSITIONS.items() if source in reached}

    assert reached == set(State)


def test_every_interruption_leads_back_to_idle_only() -> None:
    for state in (State.HOLDING, State.SAFE, State.STOPPED, State.LOCKED):
        assert after(TRANSITIONS, state, Event.CLEAR) is State.IDLE
        for event in (Event.ASK, Event.DRIVE, Event.WORK):
            with pytest.raises(LocalProtocolError):
                after(TRANSITIONS, state, event)


def test_a_lock_out_outranks_a_stop() -> None:
    assert after(TRANSITIONS, State.STOPPED, Event.LOCK) is State.LOCKED
    assert (State.LOCKED, Event.STOP) not in TRANSITIONS


def test_a_stop_outranks_safe_mode_and_safe_mode_outranks_a_hold() -> None:
    assert after(TRANSITIONS, State.SAFE, Event.STOP) is State.STOPPED
    assert after(TRANSITIONS, State.HOLDING, Event.FAIL) is State.SAFE
    assert (State.STOPPED, Event.FAIL) not in TRANSITIONS
    assert (State.SAFE, Event.HOLD) not in TRANSITIONS


def test_a_weaker_interruption_is_reached_through_idle() -> None:
    course = Course()
    course.fire(Event.PROVE)
    course.fire(Event.STOP)

    course.reach(State.HOLDING, Event.HOLD)

    assert course.state is State.HOLDING


@pytest.mark.parametrize("source", [state for state in State if state is not State.UNPROVEN])
def test_whatever_is_to_be_done_next_is_reached_from_every_proven_state(source: State) -> None:
    doing = [
        (State.REQUESTING, Event.ASK),
        (State.DRIVING, Event.DRIVE),
        (State.WORKING, Event.WORK),
    ]
    for target, event in [*doing, *INTERRUPTION.values()]:
        course = Course()
        course._state = source

        course.reach(target, event)

        assert course.state is target


def test_the_page_in_the_docs_is_drawn_from_this_table() -> None:
    assert PAGE.read_text(encoding="utf-8") == page()


def test_the_diagram_has_every_transition() -> None:
    assert page().count(" --> ") == len(TRANSITIONS) + 1
