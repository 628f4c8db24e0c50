import sys
from types import FrameType
from typing import Any

from lunaredge.archive.config import ArchiveConfig
from lunaredge.archive.pacing import Pacer
from lunaredge.archive.streams import Key, Stream
from lunaredge.ids import BootId, NodeId
from lunaredge.units import NS_PER_S
from lunaredge.wire.messages import RecordClass

from .rig import BOOT, SITE

CONFIG = ArchiveConfig(site=SITE, ack_period_ns=5 * NS_PER_S, drain_uploads_per_s=10.0)


def key(number: int) -> Key:
    return Key(NodeId(f"rover-{number}"), BootId(BOOT), RecordClass.RAW)


def test_what_grows_old_before_it_is_written_is_answered_once_it_is() -> None:
    pacer = Pacer(CONFIG)
    pacer.took(key(1), Stream(), 0, is_news=True)

    early = pacer.take_due(6 * NS_PER_S)
    pacer.flushed(7 * NS_PER_S)

    assert early == []
    assert pacer.take_due(7 * NS_PER_S) == [key(1)]


def test_what_is_written_is_answered_when_it_is_old() -> None:
    pacer = Pacer(CONFIG)
    pacer.took(key(1), Stream(), 0, is_news=True)
    pacer.flushed(1)

    assert pacer.take_due(5 * NS_PER_S - 1) == []
    assert pacer.wakeup_ns() == 5 * NS_PER_S
    assert pacer.take_due(5 * NS_PER_S) == [key(1)]
    assert pacer.wakeup_ns() is None


def test_an_answer_given_early_wakes_nobody_later() -> None:
    pacer = Pacer(CONFIG)
    pacer.took(key(1), Stream(), 0, is_news=False)

    assert pacer.take_due(1) == [key(1)]
    assert pacer.wakeup_ns() is None


def test_a_repetition_is_not_answered_before_the_news_that_came_with_it_is_written() -> None:
    pacer = Pacer(CONFIG)
    stream = Stream()
    pacer.took(key(1), stream, 0, is_news=True)
    pacer.took(key(1), stream, 1, is_news=False)

    assert pacer.take_due(2) == []
    pacer.flushed(3)
    assert pacer.take_due(4) == [key(1)]


def test_over_the_rate_answers_wait_in_turn() -> None:
    pacer = Pacer(CONFIG)
    stream = Stream()
    stream.newest_seq = 100
    for number in range(1, 21):
        pacer.took(key(number), stream, 0, is_news=True)
    pacer.flushed(0)

    first = pacer.take_due(0)
    second = pacer.take_due(NS_PER_S // 2)

    # A second's worth is saved up at the start; one more may be overdrawn.
    assert first == [key(number) for number in range(1, 12)]
    assert second == [key(number) for number in range(12, 17)]
    assert pacer.wakeup_ns() is not None


def test_a_message_costs_no_more_when_a_thousand_streams_wait() -> None:
    assert lines_run_beside(1_000) == lines_run_beside(1)


def lines_run_beside(waiting: int) -> int:
    """Count the lines that one upload and the look behind it run, beside so many that wait."""
    pacer = Pacer(CONFIG)
    for number in range(waiting):
        pacer.took(key(number), Stream(), 0, is_news=True)
    lines: list[int] = []

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        if event == "line":
            lines.append(frame.f_lineno)
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        pacer.took(key(waiting), Stream(), 1, is_news=True)
        pacer.take_due(1)
        pacer.wakeup_ns()
    finally:
        sys.settrace(before)
    return len(lines)


def test_what_is_sent_again_and_again_delays_nobody_elses_answer() -> None:
    pacer = Pacer(CONFIG)
    flooded, honest = Stream(), Stream()
    answered: list[int] = []
    for at in range(30):
        now_ns = at * NS_PER_S
        for _ in range(1_000):
            pacer.took(key(1), flooded, now_ns, is_news=False)
        pacer.took(key(2), honest, now_ns, is_news=True)
        pacer.flushed(now_ns)
        answered += [at for due in pacer.take_due(now_ns) if due == key(2)]

    assert answered == [5, 11, 17, 23, 29]
