"""Topics: built and parsed in one place, and nothing foreign gets in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunaredge.ids import ClientId, NodeId, SiteId
from lunaredge.wire import topics
from lunaredge.wire.topics import Topic

SITE = SiteId("connecting-ridge")
names = st.from_regex(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?", fullmatch=True)


@given(names, names, names, st.just("") | names)
def test_a_built_topic_parses_to_what_it_was_built_from(
    site: str, node: str, channel: str, detail: str
) -> None:
    topic = topics.build(SiteId(site), NodeId(node), channel, detail)

    assert topics.parse(topic) == Topic(SiteId(site), NodeId(node), channel, detail)


@given(st.text(max_size=60))
def test_any_text_parses_or_is_not_ours(text: str) -> None:
    parsed = topics.parse(text)

    assert parsed is None or topics.build(*parsed) == text


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "lunaredge",
        "lunaredge/v1/site/node",
        "lunaredge/v1/site/node/up/raw/more",
        "lunaredge/v2/site/node/up",
        "LunarEdge/v1/site/node/up",
        "/lunaredge/v1/site/node/up",
        "lunaredge/v1/site/node/up/",
        "lunaredge/v1/site//up",
        "lunaredge/v1/site/+/up",
        "lunaredge/v1/site/node/#",
        "lunaredge/v1/site/Node/up",
        "lunaredge/v1/site/no de/up",
        "lunaredge/v1/site/-node/up",
        "lunaredge/v1/site/node/up\n",
        "lunaredge/v1/site/" + "n" * 41 + "/up",
        "$SYS/broker/uptime",
    ],
)
def test_a_topic_that_is_not_ours_is_not_parsed(topic: str) -> None:
    assert topics.parse(topic) is None


def test_the_shared_topics_are_where_the_documents_say() -> None:
    client = ClientId("cli-1")

    assert topics.stop_all(SITE) == "lunaredge/v1/connecting-ridge/all/stop"
    assert topics.request(SITE, client) == "lunaredge/v1/connecting-ridge/scheduler/request/cli-1"
    assert topics.answer(SITE, client) == "lunaredge/v1/connecting-ridge/operator/reply/cli-1"
    assert topics.view(SITE, "nodes") == "lunaredge/v1/connecting-ridge/view/view/nodes"
