"""The table of topics: it has all that is said, and nothing is said that it doesn't have."""

import ast
from collections.abc import Iterator
from typing import get_args

import pytest

from lunaredge.wire import messages, topics
from lunaredge.wire.messages import Message, RecordClass
from lunaredge.wire.records import Dropped
from lunaredge.wire.topic_table import PATTERNS, Broker, Pattern, Proof, pattern_of
from tests.archive.rig import Books, marker
from tests.style.source import package_files, place, tree_of
from tests.wire import samples

DROPPED = next(record for record in samples.RECORDS if isinstance(record, Dropped))
# Who says something, and the place of the channel among what it is given.
SAYING = {"build": 2, "publish": 0, "publish_retained": 0, "publish_unsigned": 0, "publish_to": 1}


def said(tree: ast.Module) -> Iterator[tuple[ast.Call, str]]:
    """Give each channel that a file says something on, by its name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            at = SAYING.get(node.func.attr)
            if at is not None and len(node.args) > at:
                channel = node.args[at]
                if isinstance(channel, ast.Constant) and isinstance(channel.value, str):
                    yield node, channel.value


def test_every_channel_that_is_named_in_the_code_is_in_the_table() -> None:
    known = {pattern.channel for pattern in PATTERNS}
    named = [(path, *each) for path in package_files() for each in said(tree_of(path))]

    unknown = [f"{place(path, node)}: {name}" for path, node, name in named if name not in known]
    assert unknown == []
    assert {"node", "ask", "reply", "rebirth"} <= {name for _, _, name in named}


def test_every_message_is_in_the_table() -> None:
    listed = {body for pattern in PATTERNS for flow in pattern.flows for body in flow.bodies}

    assert listed == set(get_args(Message)), "say in lunaredge/wire/topic_table.py where it is said"


@pytest.mark.parametrize("broker", Broker)
@pytest.mark.parametrize("pattern", PATTERNS, ids=lambda pattern: pattern.key)
def test_a_topic_of_each_kind_is_of_that_kind(pattern: Pattern, broker: Broker) -> None:
    for detail in pattern.details or ("nodes",):
        words = {"site": "yard", "node": "digger-1", pattern.detail.strip("{}"): detail}
        address = pattern.address.format(**words)
        parsed = topics.parse(address)

        assert parsed is not None
        is_there = broker in pattern.brokers
        assert (pattern_of(parsed, broker) is pattern) is is_there


@pytest.mark.parametrize(
    "topic", ["digger-1/nod", "digger-1/up/gossip", "digger-1/cmd/x", "all/stop/x", "view/view"]
)
def test_what_is_in_no_row_is_of_no_kind(topic: str) -> None:
    parsed = topics.parse(f"{topics.ROOT}/yard/{topic}")

    assert parsed is not None
    assert pattern_of(parsed) is None


def test_no_two_kinds_have_the_same_key() -> None:
    assert len({pattern.key for pattern in PATTERNS}) == len(PATTERNS)


def test_what_a_stop_and_a_command_rest_on_is_never_retained() -> None:
    retained = [pattern.key for pattern in PATTERNS if pattern.retained]

    assert retained == ["tables", "intake_view", "views"]


def test_only_what_changes_nothing_needs_no_proof() -> None:
    unproven = {
        body
        for pattern in PATTERNS
        for flow in pattern.flows
        if flow.proof is Proof.NONE
        for body in flow.bodies
    }

    assert unproven == {
        messages.TimeRequest,
        messages.RebirthRequest,
        messages.Explain,
        messages.LatestRequest,
    }


def test_what_an_archive_says_is_in_its_rows() -> None:
    books = Books()
    books.announce()
    books.send(books.samples(1, 4.0, 5.0))
    books.send(marker(2, 3, 4, DROPPED))
    books.wait(700.0)

    kinds = set()
    for topic, body in books.published:
        parsed = topics.parse(topic)
        assert parsed is not None
        pattern = pattern_of(parsed)
        assert pattern is not None
        assert any(type(body) in flow.bodies for flow in pattern.flows)
        if isinstance(body, messages.Upload):
            assert parsed.detail == RecordClass(body.record_class).value
        kinds.add(pattern.key)
    assert {"acknowledgements", "intake_view", "archive_summaries"} <= kinds
