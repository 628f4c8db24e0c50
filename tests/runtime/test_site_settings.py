from typing import get_args

import pytest
from pydantic import BaseModel

from lunaredge.errors import ConfigError
from lunaredge.ids import SiteId
from lunaredge.runtime.mqtt import MqttVersion
from lunaredge.runtime.settings_shape import takes_text
from lunaredge.runtime.site_processes import scheduler_config
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


GATEWAY = """
keys = "keys"
store = "gateway.sqlite"
site = "ridge"
contacts_file = "contacts.json"
link_port = 7001
"""


def test_a_misspelt_key_is_one_error_and_names_the_right_one(file):
    file.write_text(GATEWAY.replace("link_port", "link_prt"))

    with pytest.raises(ConfigError) as caught:
        load_settings(file, GatewaySettings)

    assert caught.value.problem == "the key is not known"
    assert caught.value.key == "link_prt"
    assert caught.value.remedy.startswith("did you mean link_port?")


@pytest.mark.parametrize(
    ("variable", "text"),
    [("LUNAREDGE__LINK_PORT", "abc"), ("LUNAREDGE__BROKER__PORT", "0"), ("LUNAREDGE__LNK", "1")],
)
def test_a_variable_is_blamed_for_what_it_brought(file, monkeypatch, variable, text):
    file.write_text(GATEWAY)
    monkeypatch.setenv(variable, text)

    with pytest.raises(ConfigError) as caught:
        load_settings(file, GatewaySettings)

    assert str(caught.value).startswith(f"environment: {variable}: ")
    assert "gateway" not in str(caught.value)


def test_a_text_of_digits_in_the_environment_stays_a_text(file, monkeypatch):
    file.write_text(GATEWAY)
    monkeypatch.setenv("LUNAREDGE__BROKER__PROTOCOL", "5")
    monkeypatch.setenv("LUNAREDGE__STORE", "2028")
    monkeypatch.setenv("LUNAREDGE__SITE", "7")
    monkeypatch.setenv("LUNAREDGE__LINK_PORT", "7002")

    settings = load_settings(file, GatewaySettings)

    assert (settings.broker.protocol, settings.store, settings.site) == ("5", "2028", "7")
    assert settings.link_port == 7002


def all_fields(shape, above=()):
    for name, field in shape.model_fields.items():
        inner = [part for part in (field.annotation, *get_args(field.annotation)) if is_table(part)]
        for table in inner:
            yield from all_fields(table, (*above, name))
        if not inner:
            yield (*above, name), field


def is_table(part):
    return isinstance(part, type) and issubclass(part, BaseModel)


@pytest.mark.parametrize("shape", SHAPES)
def test_every_field_that_is_not_a_number_takes_digits_from_the_environment(shape):
    for key, field in all_fields(shape):
        assert takes_text(shape, key) == (field.annotation not in (int, float)), key


@pytest.mark.parametrize(
    "name", [name for name in SchedulerSettings.model_fields if name.endswith("_s")]
)
def test_each_time_that_is_set_reaches_the_schedulers_core(file, name):
    settings = load_settings(file, SchedulerSettings)
    before = scheduler_config(SiteId("yard"), settings)

    changed = settings.model_copy(update={name: getattr(settings, name) + 1.0})

    assert scheduler_config(SiteId("yard"), changed) != before
