import math
from typing import Any

import msgspec
import pytest

from lunaredge.agent.config import _RANGES, AgentConfig
from lunaredge.errors import ConfigError
from tests.agent.rig import config

OUTSIDE = [
    (name, value)
    for name, low, high in _RANGES
    for value in ([high * 2 + 1, math.nan] if name != "slots" else [high + 1, low - 1])
]


def test_the_defaults_of_a_machine_are_valid() -> None:
    config().validate()

    assert config().stopping_ns == 5_000_000_000


def test_a_computer_needs_no_figures_of_a_machine() -> None:
    computer = config(is_machine=False, speed_m_s_max=0.0, deceleration_m_s2=0.0)

    computer.validate()

    assert computer.stopping_ns == 0


@pytest.mark.parametrize(("name", "value"), OUTSIDE)
def test_a_value_out_of_range_is_refused_by_name(name: str, value: float) -> None:
    with pytest.raises(ConfigError, match=f"agent.toml: {name}: .*set it between"):
        config(**{name: value}).validate("agent.toml")


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"node": "scheduler"}, "node"),
        ({"node": "Digger 1"}, "node"),
        ({"site": ""}, "site"),
        ({"kind": ""}, "kind"),
        ({"speed_m_s_max": 0.0}, "speed_m_s_max"),
        ({"deceleration_m_s2": 0.0}, "deceleration_m_s2"),
        ({"is_machine": False, "slots": 0}, "slots"),
    ],
)
def test_what_does_not_fit_together_is_refused(changes: dict[str, Any], key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config(**changes).validate()

    assert caught.value.key == key


def test_every_number_has_a_range() -> None:
    numbers = {
        field.name for field in msgspec.structs.fields(AgentConfig) if field.type in (int, float)
    }

    assert {name for name, *_ in _RANGES} == numbers


def test_an_unknown_setting_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="speed_kmh"):
        msgspec.convert({**msgspec.structs.asdict(config()), "speed_kmh": 1}, AgentConfig)
