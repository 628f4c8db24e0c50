"""What `lunaredge tap` asks the broker for, and which words it refuses."""

from typing import Any

import pytest

from lunaredge.cli.tap.choice import CLASSES, Choice, choice_of, is_match
from lunaredge.errors import ConfigError
from lunaredge.ids import SiteId
from lunaredge.wire import topics
from lunaredge.wire.topic_table import PATTERNS

BASE = "lunaredge/v1/yard"
NOTHING: dict[str, Any] = {"channels": (), "classes": (), "topic": None}


def chosen(*nodes: str, **words: Any) -> Choice:
    return choice_of(SiteId("yard"), nodes, **(NOTHING | words))


@pytest.mark.parametrize(
    ("choice", "wanted"),
    [
        (chosen(), ("+/#",)),
        (chosen("a", "b"), ("a/#", "b/#")),
        (chosen(classes=("raw",)), ("+/up/raw", "+/birth")),
        (chosen("a", classes=("alarm", "stop")), ("a/up/alarm", "a/stop/#", "a/birth")),
        (chosen(classes=("birth",)), ("+/birth/#",)),
        (chosen(channels=("x",)), ("+/up/summary", "+/up/raw", "+/birth")),
        (chosen(topic="+/up/raw"), ("+/up/raw", "+/birth")),
        (chosen(topic="+/birth"), ("+/birth",)),
    ],
)
def test_the_broker_is_asked_for_what_is_shown_and_what_it_is_read_by(
    choice: Choice, wanted: tuple[str, ...]
) -> None:
    given = {subscription.removeprefix(f"{BASE}/") for subscription in choice.subscriptions}

    assert given == set(wanted)
    assert len(choice.subscriptions) == len(wanted)


@pytest.mark.parametrize("name", CLASSES)
def test_every_topic_of_a_class_is_asked_for_and_shown(name: str) -> None:
    choice = chosen(classes=(name,))
    found = 0
    for pattern in PATTERNS:
        for detail in pattern.details or ("x",):
            topic = pattern.address.replace("{class}", detail).format(
                site="yard", node="a", client="c", name="n"
            )
            parsed = topics.parse(topic)
            assert parsed is not None
            if choice.takes(parsed):
                found += 1
                assert any(is_match(wanted, topic) for wanted in choice.subscriptions)

    assert found


@pytest.mark.parametrize(
    ("wanted", "topic", "is_one"),
    [
        ("a/b", "a/b", True),
        ("a/b", "a/c", False),
        ("a/+", "a/b", True),
        ("a/+", "a/b/c", False),
        ("a/#", "a", True),
        ("a/#", "a/b/c", True),
        ("a/+/#", "a", False),
        ("#", "a/b", True),
        ("+", "a/b", False),
    ],
)
def test_a_filter_matches_as_a_brokers_does(wanted: str, topic: str, *, is_one: bool) -> None:
    assert is_match(wanted, topic) is is_one


@pytest.mark.parametrize(
    ("nodes", "words", "told"),
    [
        (("No Node",), {}, "NODE"),
        ((), {"topic": "a/#/b"}, "--topic"),
        ((), {"topic": "a+/b"}, "--topic"),
        ((), {"topic": ""}, "--topic"),
        ((), {"topic": "a//b"}, "--topic"),
        ((), {"topic": "x" * 2_000}, "--topic"),
        ((), {"channels": ("x",), "classes": ("alarm",)}, "--channel"),
    ],
)
def test_words_that_can_be_nothing_are_refused(
    nodes: tuple[str, ...], words: dict[str, Any], told: str
) -> None:
    with pytest.raises(ConfigError, match=f"^lunaredge tap: {told}: "):
        chosen(*nodes, **words)
