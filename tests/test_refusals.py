"""Refusals: each is counted, and of each kind and source the log hears once."""

from lunaredge.node import Level, Note
from lunaredge.refusals import NOTED_MAX, Refusals


def test_the_first_of_a_kind_from_a_source_is_noted_and_all_are_counted() -> None:
    refusals = Refusals()

    first = refusals.count("garbage", "hauler-1/up")
    again = refusals.count("garbage", "hauler-1/up")
    others = refusals.count("garbage", "hauler-2/up") + refusals.count("expired", "hauler-1/up")

    fields = {"source": "hauler-1/up", "reason": "garbage"}
    assert first == [Note(level=Level.WARNING, event="message.refused", fields=fields)]
    assert again == []
    assert len(others) == 2
    assert refusals.by_reason == {"garbage": 3, "expired": 1}


def test_a_flood_is_counted_and_no_longer_noted() -> None:
    refusals = Refusals()

    notes = [
        note for k in range(2 * NOTED_MAX) for note in refusals.count("topic", f"stranger-{k}")
    ]

    assert len(notes) == NOTED_MAX
    assert refusals.by_reason == {"topic": 2 * NOTED_MAX}
