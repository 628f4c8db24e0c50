"""What an agent's alarms are worth."""

import ast
from pathlib import Path

import pytest

import lunaredge.agent
from lunaredge.agent.recorder import LATCHING, LEVELS
from lunaredge.wire.records import Alarm, AlarmLevel
from tests.agent.rig import Rig

FOLDER = Path(lunaredge.agent.__file__).parent


def raised_codes() -> set[str]:
    """Give the code of every call of an alarm in the agent."""
    calls = (
        node
        for path in FOLDER.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func).split(".")[-1] == "alarm"
        and isinstance(node.args[0], ast.Constant)
    )
    return {call.args[0].value for call in calls}


def test_every_alarm_of_an_agent_has_a_level() -> None:
    assert raised_codes() == set(LEVELS)
    assert set(LEVELS) >= LATCHING


def test_an_alarm_is_told_with_its_level() -> None:
    rig = Rig()
    rig.machine.traits = {"battery_wh": 1.0}
    rig.prove()

    (alarm,) = rig.kept(Alarm)

    assert (alarm.level, alarm.latching) == (AlarmLevel.CRITICAL, False)


def test_an_alarm_without_a_level_is_our_own_mistake() -> None:
    rig = Rig()

    with pytest.raises(AssertionError, match="no level"):
        rig.node._parts.recorder.alarm("made_up", "", rig.now_ns, active=True)
