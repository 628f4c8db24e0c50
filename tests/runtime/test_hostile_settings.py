"""Whatever a settings file or the environment holds: settings, or one ConfigError of one line."""

import time
import tomllib

import pytest
import tomli_w
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from lunaredge.runtime.client_settings import ClientFile
from lunaredge.runtime.settings import convert, load_agent_settings
from lunaredge.runtime.settings_file import PREFIX
from lunaredge.runtime.site_settings import (
    BrokerSettingsFile,
    EarthSettings,
    GatewaySettings,
    MachinesSettings,
    SchedulerSettings,
    load_settings,
)
from tests.runtime.files.mutations import ODD, changed, places_in
from tests.runtime.files.refusals import is_fair, refusal

_BROKER = {"host": "127.0.0.1", "port": 1883, "protocol": "5"}
_CLOCK = {"wall_ns": 1, "site_ns": 2, "speed": 60.0}
_PROCESS = {"broker": _BROKER, "clock": _CLOCK, "keys": "keys", "log_level": "info"}
_LINK = _PROCESS | {
    "store": "link.sqlite",
    "site": "ridge",
    "contacts_file": "contacts.json",
    "preset": "relay",
    "margin_s": 5.0,
    "silence_s": 100.0,
    "link_host": "127.0.0.1",
    "link_port": 7001,
}
_WORLD = {"site_file": "site.toml", "fleet_file": "fleet.toml"}
_SPACE = {
    "contacts_file": "contacts.json",
    "preset": "relay",
    "moon_port": 7001,
    "earth_port": 7002,
}
_AGENT = {
    "site": "ridge",
    "node": "rover-1",
    "kind": "scout",
    "is_machine": True,
    "slots": 1,
    "speed_m_s_max": 0.3,
    "deceleration_m_s2": 0.25,
    "resend_s": 10.0,
    "spool_bytes_max": 8_388_608,
}
WHOLE = {
    "scheduler": _PROCESS | _WORLD | {"store": "scheduler.sqlite", "command_expiry_s": 120.0},
    "gateway": _LINK | {"outbox_bytes_max": 2_000_000},
    "earth": _LINK | {"approve": "auto"},
    "machines": _WORLD
    | {"listen": "unix:machines.socket", "truth_folder": "truth", "space": _SPACE, "clock": _CLOCK},
    "broker": {"port": 1883, "folder": "broker", "choice": "auto"},
    "agent": {
        "store": "agent.sqlite",
        "keys": "keys",
        "machine": "unix:machines.socket",
        "agent": _AGENT,
        "broker": _BROKER,
        "clock": _CLOCK,
    },
    "client": {"site": "ridge", "name": "operator-1", "keys": "keys", "broker": _BROKER},
}
LOADERS = {
    "scheduler": lambda path: load_settings(path, SchedulerSettings),
    "gateway": lambda path: load_settings(path, GatewaySettings),
    "earth": lambda path: load_settings(path, EarthSettings),
    "machines": lambda path: load_settings(path, MachinesSettings),
    "broker": lambda path: load_settings(path, BrokerSettingsFile),
    "agent": load_agent_settings,
    "client": lambda path: convert(path, ClientFile),
}
LOAD_S_MAX = 5.0
quick = settings(
    max_examples=settings().max_examples // 2,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
every = pytest.mark.parametrize("process", WHOLE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("settings")


def refused_by(process, path):
    """Load; give how it was refused, or None."""
    return refusal(LOADERS[process], path)


def is_fair_in_time(process, path):
    """Load; tell whether the file was read or refused as it should, and soon."""
    start_s = time.process_time()
    refused = refused_by(process, path)
    return is_fair(refused) and time.process_time() - start_s < LOAD_S_MAX


@every
def test_what_is_changed_here_is_sound_before(folder, process):
    path = folder / f"{process}.toml"
    path.write_text(tomli_w.dumps(WHOLE[process]))

    assert refused_by(process, path) is None


@every
@quick
@given(data=st.data())
def test_settings_with_a_wrong_value_are_read_or_refused(folder, process, data):
    tree = data.draw(changed(WHOLE[process]))
    path = folder / f"{process}.toml"
    try:
        text = tomli_w.dumps(tree)
    except (TypeError, ValueError):
        reject()  # TOML has no way to say it
    path.write_text(text, encoding="utf-8", errors="replace")

    assert is_fair_in_time(process, path)


@every
@quick
@given(
    at=st.floats(0, 1),
    odd=st.sampled_from(
        [b"", b"\0", b"\xff", b"[", b"'''", b"=", b"9" * 5000, b"{a=" * 999, b"\n"]
    ),
    eaten=st.integers(0, 40),
)
def test_settings_with_something_odd_in_them_are_read_or_refused(folder, process, at, odd, eaten):
    content = tomli_w.dumps(WHOLE[process]).encode()
    index = int(at * len(content))
    path = folder / f"{process}.toml"
    path.write_bytes(content[:index] + odd + content[index + eaten :])

    assert is_fair_in_time(process, path)


@every
@quick
@given(data=st.data())
def test_a_variable_with_anything_in_it_is_taken_or_blamed(folder, process, data, monkeypatch):
    key = data.draw(st.sampled_from(sorted(places_in(WHOLE[process]))))
    anything = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
    text = data.draw(st.one_of(st.sampled_from([f"{odd}" for odd in ODD]), anything))
    path = folder / f"{process}.toml"
    path.write_text(tomli_w.dumps(WHOLE[process]))
    name = PREFIX + "__".join(key).upper()

    with monkeypatch.context() as patch:
        patch.setenv(name, text.replace("\0", ""))
        refused = refused_by(process, path)

    assert is_fair(refused)
    if refused is not None and refused.place == "environment":
        assert refused.key == name
    elif refused is not None:
        # Two settings that do not fit together: the other one, in the file, may be named.
        assert (process, refused.place, refused.key) == ("agent", str(path), "machine")


@every
@pytest.mark.parametrize("kind", ["utf-16", "zeros", "noise", "brackets", "dots", "long-key"])
def test_what_is_no_settings_file_is_refused(folder, process, kind):
    text = tomli_w.dumps(WHOLE[process])
    contents = {
        "utf-16": text.encode("utf-16"),
        "zeros": bytes(10_000_000),
        "noise": bytes(range(256)) * 40_000,
        "brackets": b"a = " + b"[" * 65_000,
        "dots": b"a." * 32_000 + b"a = 1",
        "long-key": b"a" * 65_000 + b" = 1",
    }
    path = folder / f"{process}.toml"
    path.write_bytes(contents[kind])

    assert refused_by(process, path) is not None


def test_every_process_has_a_sound_example():
    assert WHOLE.keys() == LOADERS.keys()
    assert all(tomllib.loads(tomli_w.dumps(tree)) == tree for tree in WHOLE.values())
