"""The bounded memory."""

import pytest

from lunaredge.scheduler.memory import Memory


def test_what_was_kept_is_found_and_nothing_else():
    memory = Memory(2)

    assert memory.keep("a", 1) == 1
    assert memory.find("a") == 1
    assert memory.find("b") is None


def test_a_full_memory_forgets_and_goes_on():
    memory = Memory(2)

    for key in "abc":
        memory.keep(key, key)

    assert [memory.find(key) for key in "abc"] == [None, None, "c"]


def test_a_memory_of_nothing_is_refused():
    with pytest.raises(AssertionError):
        Memory(0)
