"""What operators change of a node's telemetry: told until answered, kept, and refused out loud."""

import math

import pytest

from lunaredge.ids import BootId, NodeId
from lunaredge.scheduler import views
from lunaredge.scheduler.state import NodeEntry
from lunaredge.wire.channel_orders import ChannelsRequest, SetChannels
from lunaredge.wire.messages import Answer, CommandReply
from lunaredge.wire.policy import ChannelPolicy
from lunaredge.wire.seal import Signer
from tests.scheduler.replays import replayed
from tests.scheduler.rig import Site

HAULER = NodeId("hauler-1")
ALARM = "hauler-1/channels.refused"


def ask(
    site: Site, node: str = HAULER, signer: Signer | None = None, **policies: ChannelPolicy
) -> Answer:
    body = ChannelsRequest(request=site.request_id(), node=NodeId(node), policies=policies)
    return site.ask(body, signer)


def told(site: Site) -> list[SetChannels]:
    """Give the words sent to the hauler, each once."""
    words = [body for body in site.sent(HAULER, SetChannels) if isinstance(body, SetChannels)]
    return list({body.command: body for body in words}.values())


def reply(site: Site, word: SetChannels, reason: str = "") -> None:
    site.say(HAULER, CommandReply(command=word.command, ok=not reason, reason=reason))


def reborn(site: Site) -> None:
    site.node_boots[HAULER] = BootId(site.node_boots[HAULER] + 1000)
    site.census(HAULER)


def entry(site: Site) -> NodeEntry:
    return site.scheduler.core.state.nodes[HAULER]


def ready() -> Site:
    site = Site()
    site.census()
    return site


def test_a_node_is_told_until_it_answers() -> None:
    site = ready()

    answer = ask(site, motor_c=ChannelPolicy(deadband=2.0))

    assert answer.ok
    assert answer.text.startswith("hauler-1 is told of motor_c")
    site.wait(25.0)
    (word,) = told(site)
    assert word.policies == {"motor_c": ChannelPolicy(deadband=2.0)}
    assert len(site.sent(HAULER, SetChannels)) == 3
    reply(site, word)
    site.wait(60.0)
    assert len(site.sent(HAULER, SetChannels)) == 3
    assert entry(site).policies == word.policies


def test_a_word_holds_all_that_was_asked_so_far() -> None:
    site = ready()
    ask(site, motor_c=ChannelPolicy(deadband=2.0))
    reply(site, told(site)[0])

    ask(site, motor_c=ChannelPolicy(period_s_max=60.0))
    ask(site, x_m=ChannelPolicy(deadband=0.0))

    first, second, third = told(site)
    assert first.turn < second.turn < third.turn
    assert third.policies == {
        "motor_c": ChannelPolicy(deadband=2.0, period_s_max=60.0),
        "x_m": ChannelPolicy(deadband=0.0),
    }
    # The newest is taken: the one before it is told no more.
    reply(site, third)
    assert entry(site).policies == third.policies
    assert not site.scheduler.core.ctx.is_pending(HAULER, SetChannels)


def test_what_a_node_refuses_is_an_alarm_and_changes_nothing() -> None:
    site = ready()
    ask(site, motor_c=ChannelPolicy(deadband=2.0))
    reply(site, told(site)[0])

    ask(site, motor_k=ChannelPolicy(deadband=1.0))
    reply(site, told(site)[1], "unknown_channel")

    assert entry(site).policies == {"motor_c": ChannelPolicy(deadband=2.0)}
    alarm = site.scheduler.core.state.alarms[ALARM]
    assert (alarm.active, alarm.text) == (
        True,
        "of motor_k: unknown_channel; nothing is changed",
    )
    ask(site, x_m=ChannelPolicy(deadband=1.0))
    assert set(told(site)[2].policies) == {"motor_c", "x_m"}


def test_a_word_that_is_refused_leaves_the_one_before_it_to_be_told() -> None:
    site = ready()
    ask(site, motor_c=ChannelPolicy(deadband=2.0))
    ask(site, motor_k=ChannelPolicy(deadband=1.0))

    reply(site, told(site)[1], "unknown_channel")

    assert site.scheduler.core.ctx.is_pending(HAULER, SetChannels)
    reply(site, told(site)[0])
    assert entry(site).policies == {"motor_c": ChannelPolicy(deadband=2.0)}


@pytest.mark.parametrize(
    ("policies", "text"),
    [
        ({}, "0 channels; name between 1 and 256"),
        ({"x_m": ChannelPolicy(deadband=-2.0)}, "x_m: deadband is -2; set it between 0 and"),
        ({"x_m": ChannelPolicy(deadband=math.nan)}, "x_m: deadband is nan; set it between"),
        ({"x_m": ChannelPolicy(period_s_max=5.0)}, "x_m: period_s_max is 5; set it between 10"),
        (
            {"x_m": ChannelPolicy(period_s_min=50.0, period_s_max=20.0)},
            "x_m: period_s_min is 50; set it no more than period_s_max",
        ),
        ({"x" * 5000: ChannelPolicy(deadband=-2.0)}, "xxx"),
    ],
)
def test_what_can_not_be_is_refused_with_the_value(
    policies: dict[str, ChannelPolicy], text: str
) -> None:
    site = ready()

    answer = ask(site, **policies)

    assert not answer.ok
    assert text in answer.text
    assert len(answer.text) < 200
    assert told(site) == []


def test_periods_that_contradict_what_was_said_before_are_refused() -> None:
    site = ready()
    ask(site, x_m=ChannelPolicy(period_s_max=20.0))

    answer = ask(site, x_m=ChannelPolicy(period_s_min=30.0))

    assert not answer.ok
    assert "no more than period_s_max (20)" in answer.text


def test_an_unknown_node_and_a_key_that_may_not_ask_are_refused() -> None:
    site = ready()
    word = ChannelPolicy(deadband=1.0)

    assert "no node mole-1" in ask(site, "mole-1", x_m=word).text
    assert not ask(site, signer=site.signers[NodeId("dc-1")], x_m=word).ok
    assert ask(site, signer=site.earth, x_m=word).ok
    assert len(told(site)) == 1


def test_a_node_that_never_answers_takes_so_many_words_only() -> None:
    site = ready()

    answers = [ask(site, x_m=ChannelPolicy(deadband=float(turn))) for turn in range(10)]

    assert [answer.ok for answer in answers] == [True] * 8 + [False] * 2
    assert "has 8 such words to answer yet" in answers[-1].text


def test_each_life_of_a_node_is_told_again_what_an_earlier_one_took() -> None:
    site = ready()
    ask(site, motor_c=ChannelPolicy(deadband=2.0))
    reply(site, told(site)[0])

    reborn(site)

    first, second = told(site)
    assert second.policies == first.policies
    assert second.turn > first.turn
    reply(site, second)
    reborn(site)
    assert len(told(site)) == 3


def test_a_life_that_begins_while_a_word_waits_is_told_that_one() -> None:
    site = ready()
    ask(site, motor_c=ChannelPolicy(deadband=2.0))
    reply(site, told(site)[0])
    ask(site, x_m=ChannelPolicy(deadband=1.0))

    reborn(site)

    assert len(told(site)) == 2
    assert set(told(site)[1].policies) == {"motor_c", "x_m"}


def test_it_outlives_a_restart_of_the_scheduler() -> None:
    site = ready()
    ask(site, motor_c=ChannelPolicy(deadband=2.0))
    reply(site, told(site)[0])
    ask(site, x_m=ChannelPolicy(deadband=1.0))

    again = replayed(site, site.rows())

    state = again.core.state
    assert state.nodes[HAULER].policies == {"motor_c": ChannelPolicy(deadband=2.0)}
    assert again.core.ctx.pending(HAULER, SetChannels) == [told(site)[1]]


def listed(site: Site) -> list[tuple[object, ...]]:
    rows = views.channel_rows(site.scheduler.core.ctx)
    return [tuple(row.values()) for row in rows]


def test_what_was_changed_is_listed_with_whether_the_node_has_taken_it() -> None:
    site = ready()
    assert listed(site) == []

    ask(site, motor_c=ChannelPolicy(deadband=2.0))
    assert listed(site) == [(HAULER, "motor_c", "told", 2.0, None, None)]

    ask(site, motor_c=ChannelPolicy(deadband=3.0))
    assert listed(site) == [(HAULER, "motor_c", "told", 3.0, None, None)]
    reply(site, told(site)[1])
    assert listed(site) == [(HAULER, "motor_c", "taken", 3.0, None, None)]
    ask(site, motor_c=ChannelPolicy(deadband=2.0))
    assert listed(site) == [(HAULER, "motor_c", "told", 2.0, None, None)]

    reply(site, told(site)[2])
    ask(site, battery_wh=ChannelPolicy(period_s_max=60.0))
    assert listed(site) == [
        (HAULER, "battery_wh", "told", None, None, 60.0),
        (HAULER, "motor_c", "taken", 2.0, None, None),
    ]

    reply(site, told(site)[3], "no such channel")
    assert listed(site) == [(HAULER, "motor_c", "taken", 2.0, None, None)]
