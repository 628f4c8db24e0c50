import re

import pytest

from lunaredge.errors import ConfigError
from lunaredge.runtime.mqtt import MqttVersion
from lunaredge.runtime.settings import beside_address, load_agent_settings
from lunaredge.runtime.settings_file import read_settings

COMPUTER = """
store = "agent.db"
keys = "keys"
[agent]
site = "ridge"
node = "computer-1"
kind = "computer"
is_machine = false
slots = 2
[broker]
host = "127.0.0.1"
port = 1883
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "agent.toml"
    path.write_text(COMPUTER)
    return path


def refused(path):
    with pytest.raises(ConfigError) as caught:
        load_agent_settings(path)
    assert caught.value.exit_code == 2
    return str(caught.value)


def test_a_file_becomes_settings(file):
    settings = load_agent_settings(file)

    assert settings.agent.node == "computer-1"
    assert settings.broker.protocol is MqttVersion.AUTO
    assert settings.clock.speed == 1.0


def test_the_environment_lies_on_top_of_the_file(file, monkeypatch):
    monkeypatch.setenv("LUNAREDGE__BROKER__PORT", "1999")
    monkeypatch.setenv("LUNAREDGE__BROKER__HOST", "broker.local")
    monkeypatch.setenv("LUNAREDGE__CLOCK__SPEED", "60.0")

    settings = load_agent_settings(file)

    assert (settings.broker.port, settings.broker.host) == (1999, "broker.local")
    assert settings.clock.speed == 60.0


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("port = 1883", "port = 99999", "broker.port"),
        ("port = 1883", 'port = "many"', "broker.port"),
        ("port = 1883", "prot = 1883", "broker"),
        ("slots = 2", "slots = 2.5", "agent.slots"),
        ("slots = 2", "slots = 99", "slots"),
        ('node = "computer-1"', 'node = "Computer 1"', "node"),
        ('node = "computer-1"', 'node = "scheduler"', "node"),
        ('store = "agent.db"', "", "store"),
        ('store = "agent.db"', 'store = "agent.db"\nlog_level = "loud"', "log_level"),
        ('store = "agent.db"', 'store = "agent.db"\nmachine = "unix:x"', "machine"),
        ('store = "agent.db"', 'store = "agent.db"\nstorage = 1', "storage"),
    ],
)
def test_what_is_wrong_is_named_with_its_file_and_key(file, old, new, key):
    file.write_text(COMPUTER.replace(old, new))

    message = refused(file)

    assert message.startswith(str(file))
    assert key in message


@pytest.mark.parametrize("content", ["[agent", "a = 1\na = 2\n"])
def test_what_is_no_toml_is_refused(file, content):
    file.write_text(content)

    assert "not valid TOML" in refused(file)


def test_an_endless_number_is_refused(file):
    file.write_text(f"a = {'9' * 5000}")

    assert "a number is too long" in refused(file)


def test_what_is_not_utf_8_is_refused(file):
    file.write_bytes(COMPUTER.encode("utf-16"))

    assert "not UTF-8" in refused(file)


@pytest.mark.parametrize("content", ["a = " + "[" * 60_000, "a." * 30_000 + "a = 1"])
def test_what_nests_too_deeply_is_refused(file, content):
    file.write_text(content)

    assert "nested too deeply" in refused(file)


@pytest.mark.parametrize(
    ("variable", "text", "problem"),
    [
        ("LUNAREDGE__BROKER__PORT", "abc", "int"),
        ("LUNAREDGE__BROKER__PROTOCOL", "4", "'4'"),
        ("LUNAREDGE__BROKER__PRT", "1", "did you mean port?"),
        ("LUNAREDGE__BROKER", "{host = 'a', port = 0}", ">= 1"),
        ("LUNAREDGE__AGENT__SLOTS", "99", "out of range"),
        ("LUNAREDGE__LOG_LEVEL", "loud", "no such log level"),
        ("LUNAREDGE__MACHINE", "unix:x", "a computer has none"),
        ("LUNAREDGE__CLOCK__SPEED", "nan", "nan"),
        ("LUNAREDGE__CLOCK__SPEED", "[" * 5000, "str"),
    ],
)
def test_a_variable_is_blamed_for_what_it_brought(file, monkeypatch, variable, text, problem):
    monkeypatch.setenv(variable, text)

    message = refused(file)

    assert message.startswith(f"environment: {variable}: ")
    assert problem in message
    assert message.endswith("or unset the variable")


@pytest.mark.parametrize(("text", "version"), [("5", "5"), ('"5"', "5"), ("3.1.1", "3.1.1")])
def test_a_choice_that_looks_like_a_number_is_text(file, monkeypatch, text, version):
    monkeypatch.setenv("LUNAREDGE__BROKER__PROTOCOL", text)

    assert load_agent_settings(file).broker.protocol.value == version


@pytest.mark.parametrize(
    "text", ["2028", "true", "1e3", "0x10", "2028-01-01", "[1, 2]", "nan", "5\nb = 6", "'", "a\\b"]
)
def test_any_text_is_taken_for_a_text(file, monkeypatch, text):
    monkeypatch.setenv("LUNAREDGE__KEYS", text)

    assert load_agent_settings(file).keys == text


def test_a_misspelt_key_is_named_before_the_value_that_it_leaves_missing(file):
    file.write_text(COMPUTER.replace("store =", "stroe ="))

    message = refused(file)

    assert message.startswith(f"{file}: stroe: the key is not known, got 'agent.db'; did you mean")
    assert "did you mean store?" in message


def test_a_missing_value_is_named_by_its_own_key(file):
    file.write_text(COMPUTER.replace('host = "127.0.0.1"', ""))

    assert refused(file).startswith(f"{file}: broker.host: the value is missing, got None")


def test_a_file_that_is_not_there_is_named(tmp_path):
    assert "nowhere.toml" in refused(tmp_path / "nowhere.toml")


@pytest.mark.parametrize(
    "name", ["LUNAREDGE__", "LUNAREDGE__STORE__X", "LUNAREDGE__A__B__C__D__E__F"]
)
def test_a_variable_without_a_place_is_named(file, name):
    with pytest.raises(ConfigError, match=name):
        read_settings(file, environment={name: "1"})


def test_a_controllers_socket_lies_beside_the_settings(file):
    assert beside_address(file, "unix:m.socket") == f"unix:{file.parent / 'm.socket'}"
    assert beside_address(file, "tcp:host:7000") == "tcp:host:7000"


CHANNEL = "[agent.channels.spool_count]\ndeadband = 3\n[broker]"


def test_channels_are_set_by_name_and_by_variables(file, monkeypatch):
    file.write_text(COMPUTER.replace("[broker]", CHANNEL))
    monkeypatch.setenv("LUNAREDGE__AGENT__CHANNELS__PROGRESS_RATIO__PERIOD_S_MAX", "60")

    channels = load_agent_settings(file).agent.channels

    assert (channels["spool_count"].deadband, channels["spool_count"].period_s_max) == (3, None)
    assert channels["progress_ratio"].period_s_max == 60


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("deadband", "dead_band", "agent.channels.spool_count.dead_band: .*did you mean deadband"),
        ("= 3", "= -3", "agent.channels.spool_count.deadband: .*-3.*between 0 and"),
        ("= 3", '= "wide"', "agent.channels.deadband: .*type float.*'spool_count'.*'wide'"),
        ("spool_count", "x_m", "agent.channels.x_m: .*no such channel; there are tasks_count"),
    ],
)
def test_a_channel_that_can_not_be_set_so_is_named_with_the_value(file, old, new, told):
    file.write_text(COMPUTER.replace("[broker]", CHANNEL.replace(old, new)))

    assert re.search(told, refused(file))
