import pytest

from lunaredge.errors import ConfigError
from lunaredge.runtime.mqtt import MqttVersion
from lunaredge.runtime.site_settings import (
    BrokerSettingsFile,
    EarthSettings,
    GatewaySettings,
    MachinesSettings,
    SchedulerSettings,
    load_settings,
)

SCHEDULER = """
keys = "keys"
store = "scheduler.db"
site_file = "site.toml"
fleet_file = "fleet.toml"
[broker]
port = 1884
protocol = "3.1.1"
[clock]
wall_ns = 1
site_ns = 2
speed = 60.0
"""
SHAPES = (SchedulerSettings, GatewaySettings, EarthSettings, MachinesSettings, BrokerSettingsFile)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "scheduler.toml"
    path.write_text(SCHEDULER)
    return path


def test_a_file_becomes_settings(file):
    settings = load_settings(file, SchedulerSettings)

    link, anchor = settings.broker.link(), settings.clock.anchor()
    assert (link.host, link.port, link.protocol) == ("127.0.0.1", 1884, MqttVersion.V311)
    assert (anchor.wall_ns, anchor.site_ns, anchor.speed) == (1, 2, 60.0)
    assert settings.authority_lifetime_s == 900.0


def test_the_environment_lies_on_top_of_the_file(file, monkeypatch):
    monkeypatch.setenv("LUNAREDGE__LOST_AFTER_S", "240")

    assert load_settings(file, SchedulerSettings).lost_after_s == 240.0


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("port = 1884", "port = 0", "broker.port"),
        ("speed = 60.0", "speed = 0.0", "clock.speed"),
        ('protocol = "3.1.1"', 'protocol = "4"', "broker.protocol"),
        ('store = "scheduler.db"', "", "store"),
        ('store = "scheduler.db"', 'store = "s.db"\nlost_after_s = 1', "lost_after_s"),
        ('store = "scheduler.db"', 'store = "s.db"\nnonsense = 1', "nonsense"),
    ],
)
def test_what_is_wrong_is_named_with_its_file_and_key(file, old, new, key):
    file.write_text(SCHEDULER.replace(old, new))

    with pytest.raises(ConfigError) as caught:
        load_settings(file, SchedulerSettings)

    assert str(caught.value).startswith(str(file))
    assert key in str(caught.value)


@pytest.mark.parametrize("shape", SHAPES)
def test_every_field_says_what_it_is_for(shape):
    tables = {"broker", "clock", "space"}

    silent = [
        name
        for name, field in shape.model_fields.items()
        if not field.description and name not in tables
    ]

    assert silent == []
