"""What people change of the channels: taken whole, kept through restarts, in the words' order."""

import math
from typing import Any

import msgspec
import pytest

from lunaredge.agent.config import ChannelSetting
from lunaredge.agent.policies import TABLE
from lunaredge.errors import ConfigError
from lunaredge.node import Effect, Persist, Publish
from lunaredge.wire.channel_orders import SetChannels
from lunaredge.wire.messages import CommandReply
from lunaredge.wire.policy import ChannelPolicy
from lunaredge.wire.records import Alarm
from tests.agent.rig import OPERATOR_KEY, Rig, bodies, config, first
from tests.agent.toy_machine import seconds

KEY = (TABLE, "", 0)
WIDE = ChannelPolicy(deadband=50.0)


def tell(rig: Rig, turn: int = 1, **policies: ChannelPolicy) -> list[Effect]:
    return rig.tell(SetChannels(command=rig.command_id(), policies=policies, turn=turn))


def in_force(rig: Rig, channel: str) -> tuple[float, float, float]:
    """Give dead-band and periods, s, as a node applies them."""
    rows = rig.node._parts.rows
    gate = rows._gates[[each.name for each in rows.channels].index(channel)]
    return gate.deadband, gate.period_ns_min / 1e9, gate.period_ns_max / 1e9


def reply(effects: list[Effect]) -> CommandReply:
    (found,) = bodies(effects, CommandReply)
    return found


def tells_of_it(effects: list[Effect]) -> bool:
    return any(isinstance(each, Persist) and b"channels_set" in each.value for each in effects)


def ready(**settings: Any) -> Rig:
    rig = Rig(config(**settings))
    rig.census()
    return rig


def test_a_channel_goes_by_what_was_said_of_it_last() -> None:
    rig = ready()
    assert in_force(rig, "motor_c") == (0.5, 10.0, 300.0)

    effects = tell(rig, motor_c=WIDE)

    assert reply(effects).ok
    assert in_force(rig, "motor_c") == (50.0, 10.0, 300.0)
    tell(rig, 2, motor_c=ChannelPolicy(period_s_max=20.0))
    # A word is whole: what an earlier one said ends with it.
    assert in_force(rig, "motor_c") == (0.5, 10.0, 20.0)


def test_it_is_on_disk_before_the_answer_leaves() -> None:
    rig = ready()

    effects = tell(rig, motor_c=WIDE)

    written = first(effects, Persist, lambda effect: effect.table == TABLE)
    answered = first(effects, Publish, lambda effect: effect.topic.endswith("/reply"))
    assert written < answered


def test_the_same_word_again_is_no_news() -> None:
    rig = ready()
    first_told, again = tell(rig, motor_c=WIDE), tell(rig, 2, motor_c=WIDE)

    assert reply(again).ok
    assert [tells_of_it(effects) for effects in (first_told, again)] == [True, False]


def test_it_holds_after_a_restart_over_what_is_set_in_the_file() -> None:
    rig = ready(channels={"motor_c": ChannelSetting(deadband=3.0, period_s_min=0.0)})
    assert in_force(rig, "motor_c") == (3.0, 0.0, 300.0)
    tell(rig, motor_c=WIDE)

    rig.boot()

    assert in_force(rig, "motor_c") == (50.0, 0.0, 300.0)


@pytest.mark.parametrize(
    ("policies", "reason"),
    [
        ({"motor_k": WIDE}, "unknown_channel"),
        ({"motor_c": ChannelPolicy(deadband=-1.0)}, "channel_range"),
        ({"motor_c": ChannelPolicy(deadband=math.nan)}, "channel_range"),
        ({"motor_c": ChannelPolicy(period_s_max=5.0)}, "channel_range"),
        ({"motor_c": ChannelPolicy(period_s_min=301.0)}, "channel_range"),
    ],
)
def test_what_can_not_be_changes_nothing_at_all(
    policies: dict[str, ChannelPolicy], reason: str
) -> None:
    rig = ready()
    tell(rig, x_m=ChannelPolicy(deadband=1.0))
    before = dict(rig.disk)

    effects = tell(rig, 2, y_m=WIDE, **policies)

    assert (reply(effects).ok, reply(effects).reason) == (False, reason)
    assert in_force(rig, "y_m")[0] == 0.05
    assert in_force(rig, "x_m")[0] == 1.0
    assert rig.disk[KEY] == before[KEY]
    assert rig.beat().refused == {reason: 1}


def test_a_word_that_comes_after_a_newer_one_is_superseded() -> None:
    rig = ready()
    tell(rig, 5, motor_c=WIDE)

    effects = tell(rig, 4, x_m=WIDE)

    assert reply(effects).reason == "superseded"
    assert in_force(rig, "x_m")[0] == 0.05
    rig.boot()
    rig.census()
    assert reply(tell(rig, 4, x_m=WIDE)).reason == "superseded"
    rig.epoch += 1
    rig.census()
    assert reply(tell(rig, 1, x_m=WIDE)).ok
    assert in_force(rig, "motor_c")[0] == 0.5


def test_a_repeated_word_gets_its_first_answer() -> None:
    rig = ready()
    word = SetChannels(command=rig.command_id(), policies={"motor_k": WIDE}, turn=1)

    replies = [reply(rig.tell(word)) for _ in range(3)]

    assert replies == [replies[0]] * 3
    assert not replies[0].ok


def test_the_leader_alone_may_say_so() -> None:
    rig = ready()
    word = SetChannels(command=rig.command_id(), policies={"motor_c": WIDE}, turn=1)

    rig.tell(word, OPERATOR_KEY)
    rig.tell(word, expiry_ns=rig.site_ns - seconds(60))
    rig.tell(word, epoch=0)

    assert in_force(rig, "motor_c")[0] == 0.5
    assert KEY not in rig.disk


@pytest.mark.parametrize("value", [None, b"", b"\xc1", msgspec.msgpack.encode([1, 2])])
def test_a_word_that_can_not_be_read_leaves_the_settings_and_is_reported(
    value: bytes | None,
) -> None:
    rig = ready()
    rig.disk[KEY] = value

    rig.boot()
    rig.prove()

    assert in_force(rig, "motor_c")[0] == 0.5
    assert "state_corrupt" in rig.codes(Alarm)
    assert KEY not in rig.disk


def test_what_another_softwares_channels_can_not_use_is_left_out() -> None:
    rig = ready()
    tell(rig, motor_c=WIDE, x_m=ChannelPolicy(deadband=1.0))
    value = rig.disk[KEY]
    assert value is not None
    rig.disk[KEY] = value.replace(b"motor_c", b"motor_x")

    rig.boot()

    assert in_force(rig, "motor_c")[0] == 0.5
    assert in_force(rig, "x_m")[0] == 1.0
    assert rig.codes(Alarm) == []


# --- in the file -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "key", "told"),
    [
        ({"motor_k": {"deadband": 1.0}}, "channels.motor_k", "no such channel; there are x_m, "),
        ({"motor_c": {"deadband": -1.0}}, "channels.motor_c.deadband", "between 0 and 1e"),
        ({"motor_c": {"period_s_max": 1.0}}, "channels.motor_c.period_s_max", "between 10 and"),
        ({"motor_c": {"period_s_min": 400.0}}, "channels.motor_c.period_s_min", "no more than"),
        ({"motor_c": {"deadband": math.nan}}, "channels.motor_c.deadband", "between 0 and"),
    ],
)
def test_a_file_that_can_not_be_used_is_refused_with_the_value(
    settings: dict[str, dict[str, float]], key: str, told: str
) -> None:
    channels = {name: ChannelSetting(**fields) for name, fields in settings.items()}

    with pytest.raises(ConfigError, match=told) as caught:
        config(channels=channels).validate("agent.toml")

    assert caught.value.key == key


def test_a_slip_of_the_pen_in_a_file_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="dead_band"):
        msgspec.convert({"dead_band": 1.0}, ChannelSetting)


def test_a_computer_has_no_channels_of_a_machine() -> None:
    computer = config(is_machine=False, channels={"motor_c": ChannelSetting(deadband=1.0)})

    with pytest.raises(ConfigError, match="no such channel"):
        computer.validate()
