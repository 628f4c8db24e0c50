"""Words so long that an answer could not repeat them: refused, and nothing is kept of them."""

import pytest

from lunaredge.ids import BootId, ClientId, NodeId, TaskId
from lunaredge.wire import codec, messages, topics
from lunaredge.wire.body import REQUEST_ID_LENGTH_MAX
from lunaredge.wire.codec import FRAME_BYTES_MAX
from lunaredge.wire.safeguards import OpenRequest
from lunaredge.wire.seal import Signer
from tests.scheduler.rig import Site

ASK = topics.request("plain", ClientId("mari"))


def settled() -> Site:
    site = Site()
    site.census()
    return site


def frame(body: messages.Message, signer: Signer | None = None) -> bytes:
    """The frame of somebody who need not be enrolled."""
    header = codec.Header(node=NodeId("m"), boot=BootId(1), number=1, local_ns=0, site_ns=0)
    return codec.encode(header, body, signer)


def longest(body: messages.Message) -> int:
    """How many letters more fill the body's frame."""
    return FRAME_BYTES_MAX - len(frame(body)) - 8


@pytest.mark.parametrize("spare", [0, 60, 300, 60_000])
def test_a_question_that_fills_a_frame_is_answered_in_few_words(spare: int) -> None:
    site = settled()
    count = longest(messages.Explain(request="r", task=TaskId(""))) - spare

    site.hear(ASK, frame(messages.Explain(request="r", task=TaskId("x" * count))))

    answer = site.last(messages.Answer)
    assert not answer.ok
    assert len(answer.text) < 200


@pytest.mark.parametrize("spare", [0, 60, 300, 60_000])
def test_a_request_under_an_endless_name_is_refused(spare: int) -> None:
    site = settled()
    before = len(site.scheduler.core.state.encoded())
    count = longest(messages.CancelRequest(request="", task=TaskId("t"))) - spare - 200
    named = "y" * count

    for body in (
        messages.CancelRequest(request=named, task=TaskId("t")),
        messages.Explain(request=named, task=TaskId("t")),
        OpenRequest(request=named, zone="z"),
    ):
        site.hear(ASK, site.frame(site.operator, body))

    assert site.scheduler.refusals.by_reason == {"garbage": 3}
    assert len(site.scheduler.core.state.encoded()) == before


def test_a_name_as_long_as_one_may_be_is_answered() -> None:
    site = settled()
    named = "y" * REQUEST_ID_LENGTH_MAX

    site.hear(ASK, frame(messages.Explain(request=named, task=TaskId("t"))))

    assert site.last(messages.Answer).request == named
