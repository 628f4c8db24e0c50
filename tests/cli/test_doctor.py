import json
import os
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import tomli_w

from lunaredge.cli.doctor import kernels, machine, reach
from lunaredge.cli.doctor.finding import State, attempt, exit_code, failed, ok
from lunaredge.cli.keys import holders
from lunaredge.cli.main import main
from lunaredge.errors import ConfigError, TransportError
from lunaredge.examples import demo_site
from lunaredge.node import Persist
from lunaredge.runtime.broker import Broker, BrokerChoice, BrokerSettings, find_broker
from lunaredge.runtime.keys import make_keys
from lunaredge.runtime.mqtt import LinkSettings
from lunaredge.runtime.store import Store

ROOT = Path(__file__).parents[2]
# What a board's install lacks; in a process of its own, so that nothing has imported it before.
BOARD = """
import sys

LACKS = {"amqtt", "numba", "numpy", "pydantic", "rich", "tifffile", "tomli_w", "yaml"}

class WithoutTheSite:
    def __init__(self, finder):
        self.finder = finder

    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in LACKS:
            return None
        return self.finder.find_spec(name, path, target)

sys.meta_path = [WithoutTheSite(finder) for finder in sys.meta_path]

from lunaredge.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def broker(tmp_path: Path, free_port: int) -> Iterator[int]:
    try:
        program = find_broker(tmp_path / "cache", BrokerChoice.MOSQUITTO, download=False)
    except TransportError as exc:
        pytest.skip(str(exc))
    running = Broker(program, BrokerSettings(port=free_port, folder=tmp_path / "broker"))
    running.start()
    yield free_port
    running.stop()


def settings_of(process: str, port: int, **changes: object) -> dict[str, object]:
    """Give settings that are sound, but for the changes; None takes a key out."""
    example = demo_site()
    common = {"keys": "keys", "store": f"{process}.sqlite", "broker": {"port": port}}
    link_end = common | {
        "site": "ridge",
        "contacts_file": str(example / "contacts.json"),
        "link_port": 5001,
    }
    board = {"host": "127.0.0.1", "port": port}
    agent = {"site": "ridge", "node": "rover-1", "kind": "rover", "is_machine": False, "slots": 1}
    world = {
        "site_file": str(example / "site.toml"),
        "fleet_file": str(example / "fleet.toml"),
    }
    documents: dict[str, dict[str, object]] = {
        "agent": common | {"broker": board, "agent": agent},
        "client": {"site": "ridge", "name": "operator-ada", "keys": "keys", "broker": board},
        "broker": {"folder": "broker", "port": port},
        "scheduler": common | world,
        "gateway": link_end,
        "earth": link_end | {"approve": "auto"},
        "machines": world | {"listen": "unix:m.socket", "truth_folder": "truth"},
    }
    changed = documents[process] | changes
    return {key: value for key, value in changed.items() if value is not None}


def write(folder: Path, name: str, settings: dict[str, object]) -> Path:
    nodes = ["rover-1", *(spec["name"] for spec in fleet_nodes())]
    make_keys(folder / "keys", holders(nodes, ["ada"]))
    path = folder / f"{name}.toml"
    path.write_text(tomli_w.dumps(settings), encoding="utf-8")
    return path


def fleet_nodes() -> list[dict[str, str]]:
    fleet = tomllib.loads((demo_site() / "fleet.toml").read_text(encoding="utf-8"))
    return fleet["nodes"]


def examined(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, dict[str, object]]:
    """Run the doctor; give its exit code, and what it found by the check's name."""
    code = main(["doctor", "--json", *map(str, words)])
    document = json.loads(capsys.readouterr().out)
    return code, {check["name"]: check for check in document["checks"]}


def test_this_computer_is_checked_without_any_settings(capsys: pytest.CaptureFixture[str]) -> None:
    code, checks = examined(capsys)

    assert code == 0
    assert {"python", "clock", "extra site", "broker program", "kernels"} <= checks.keys()
    assert checks["python"]["state"] == "ok"
    assert checks["clock"]["state"] == "ok"


def test_the_text_says_what_is_wrong_and_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["doctor", "--config", str(tmp_path / "none.toml")])

    text = capsys.readouterr().out
    assert code == 2
    assert "failed" in text
    assert "there is no such file" in text
    assert "-> check the path" in text
    assert "\n1 of " in text


@pytest.mark.parametrize(("address", "state"), [("tcp:h:9000", "ok"), ("tcp:h", "failed")])
def test_an_agents_address_of_its_machine_is_read_and_not_tried(
    tmp_path: Path, free_port: int, capsys: pytest.CaptureFixture[str], address: str, state: str
) -> None:
    agent = {"site": "ridge", "node": "rover-1", "kind": "rover", "is_machine": True}
    agent |= {"speed_m_s_max": 0.3, "deceleration_m_s2": 0.2}
    settings = settings_of("agent", free_port) | {"machine": address, "agent": agent}

    _, checks = examined(capsys, "--config", write(tmp_path, "agent", settings))

    assert checks["agent.toml: machine"]["state"] == state
    if state == "ok":
        assert "not tried" in checks["agent.toml: machine"]["found"]


@pytest.mark.parametrize(
    "process", ["agent", "client", "broker", "scheduler", "gateway", "earth", "machines"]
)
def test_settings_are_recognised_and_all_they_name_is_loaded(
    process: str, tmp_path: Path, broker: int, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path, process, settings_of(process, broker))

    code, checks = examined(capsys, "--config", path)

    assert code == 0, checks
    expected = "a client" if process == "client" else f"`lunaredge {process}`"
    assert expected in checks[path.name]["found"]
    assert all(check["state"] == "ok" for name, check in checks.items() if path.name in name)


def test_settings_that_may_be_two_processes_are_told_apart_by_the_file_or_by_hand(
    tmp_path: Path, broker: int, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path, "link", settings_of("gateway", broker))

    unclear, checks = examined(capsys, "--config", path)
    told, _ = examined(capsys, "--config", path, "--as", "gateway")

    assert unclear == 2
    assert "gateway, earth" in checks["link.toml"]["found"]
    assert told == 0


def test_a_misspelt_key_is_found_in_the_settings_it_was_meant_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = settings_of("scheduler", 1883, keys=None, keis="keys")
    path = write(tmp_path, "main", wrong)

    code, checks = examined(capsys, "--config", path)

    assert code == 2
    assert "keis: the key is not known" in checks["main.toml"]["found"]
    assert "did you mean keys?" in checks["main.toml"]["remedy"]


def test_a_file_that_is_nobodys_settings_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    code, checks = examined(capsys, "--config", demo_site() / "site.toml")

    assert code == 2
    assert "not the settings of any process" in checks["site.toml"]["found"]


def test_a_broker_that_is_not_there_is_a_missing_part(
    tmp_path: Path, free_port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path, "agent", settings_of("agent", free_port))

    code, checks = examined(capsys, "--config", path)

    assert code == 3
    assert checks["agent.toml: broker"]["state"] == "failed"
    assert "start the broker" in checks["agent.toml: broker"]["remedy"]


def test_something_else_on_the_brokers_port_is_no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reach, "GREETING_S_MAX", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        link = LinkSettings(host="127.0.0.1", port=silent.getsockname()[1])

        finding = reach.check_broker("broker", link)
        taken = reach.check_port("port", link)

    assert finding.code == 3
    assert "answers, but not MQTT 5 nor 3.1.1" in finding.found
    assert taken.state is State.FAILED


def test_a_seed_that_others_can_read_is_found(
    tmp_path: Path, broker: int, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path, "agent", settings_of("agent", broker))
    (tmp_path / "keys" / "rover-1.seed").chmod(0o644)

    code, checks = examined(capsys, "--config", path)

    assert code == 2
    assert "open to other users" in checks["agent.toml: keys"]["found"]


def test_a_node_without_a_key_is_named(
    tmp_path: Path, broker: int, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path, "scheduler", settings_of("scheduler", broker))
    gone = fleet_nodes()[0]["name"]
    public = tmp_path / "keys" / "public.json"
    keys = json.loads(public.read_text())["keys"]
    public.write_text(json.dumps({"keys": [key for key in keys if key["id"] != gone]}))

    code, checks = examined(capsys, "--config", path)

    assert code == 2
    assert gone in checks["scheduler.toml: enrolment"]["found"]
    assert f"--node {gone}" in checks["scheduler.toml: enrolment"]["remedy"]


def test_a_broken_site_file_is_told_once(
    tmp_path: Path, broker: int, capsys: pytest.CaptureFixture[str]
) -> None:
    site = tmp_path / "site.toml"
    site.write_text("name = 1")
    files = [
        write(tmp_path, process, settings_of(process, broker) | {"site_file": str(site)})
        for process in ("scheduler", "machines")
    ]

    code, checks = examined(capsys, "--config", files[0], "--config", files[1])

    failures = [name for name, check in checks.items() if check["state"] == "failed"]
    assert code == 2
    assert failures == ["scheduler.toml: site and fleet"]
    assert checks["machines.toml: site and fleet"]["state"] == "skipped"
    assert "scheduler.toml: site and fleet" in checks["machines.toml: site and fleet"]["found"]


def test_a_client_without_a_key_only_reads(
    tmp_path: Path, broker: int, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path, "client", settings_of("client", broker, name="guest"))

    code, checks = examined(capsys, "--config", path)

    assert code == 0
    assert "reads only" in checks["client.toml: keys"]["found"]


def test_a_damaged_store_fails_the_check(
    tmp_path: Path, broker: int, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path, "agent", settings_of("agent", broker))
    store = Store.open(tmp_path / "agent.sqlite")
    store.commit([Persist("spool", "a", 1, b"a record that will be damaged")])
    sound, _ = examined(capsys, "--config", path)
    store.close()
    damaged = (tmp_path / "agent.sqlite").read_bytes().replace(b"will be", b"was not")
    (tmp_path / "agent.sqlite").write_bytes(damaged)

    code, checks = examined(capsys, "--config", path)

    assert sound == 0
    assert code == 1
    assert "spool/a/1" in checks["agent.toml: store"]["found"]


def test_a_disk_that_is_nearly_full_or_not_writable_is_a_missing_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")

    unwritable = reach.check_folder("disk", blocked / "stores")
    monkeypatch.setattr(reach, "FREE_BYTES_MIN", 2**62)
    full = reach.check_folder("disk", tmp_path)

    assert unwritable.code == 3
    assert full.code == 3
    assert "MB free" in full.found


def test_a_folder_that_is_yet_to_be_made_is_not_made(tmp_path: Path) -> None:
    finding = reach.check_folder("disk", tmp_path / "a" / "b")

    assert finding.state is State.OK
    assert not (tmp_path / "a").exists()


def test_every_setting_is_explained(
    tmp_path: Path, broker: int, capsys: pytest.CaptureFixture[str]
) -> None:
    agent = write(tmp_path, "agent", settings_of("agent", broker))
    scheduler = write(tmp_path, "scheduler", settings_of("scheduler", broker))

    main(["doctor", "--json", "--explain", "--config", str(agent), "--config", str(scheduler)])
    settings = json.loads(capsys.readouterr().out)["settings"]
    main(["doctor", "--explain", "--config", str(agent)])
    text = capsys.readouterr().out

    of_agent = {row["setting"]: row for row in settings[str(agent)]}
    of_scheduler = {row["setting"]: row for row in settings[str(scheduler)]}
    assert of_agent["agent.reach_s"]["value"] == 120.0
    assert "s, 5 to 3600" in of_agent["agent.reach_s"]["what"]
    assert of_agent["agent.node"]["default"] == "required"
    assert "1883 is MQTT's own" in of_scheduler["broker.port"]["what"]
    assert all(row["what"] for row in (*of_agent.values(), *of_scheduler.values()))
    assert "agent.reach_s" in text


def test_explain_needs_settings(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--explain"]) == 2
    assert "--config" in capsys.readouterr().err


def test_a_board_skips_what_it_has_not_installed(tmp_path: Path, broker: int) -> None:
    agent = write(tmp_path, "agent", settings_of("agent", broker))
    scheduler = write(tmp_path, "scheduler", settings_of("scheduler", broker))
    words = ["doctor", "--json", "--warm", "--config", str(agent), "--config", str(scheduler)]

    done = subprocess.run(
        [sys.executable, "-c", BOARD, *words],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 0, done.stderr
    checks = {check["name"]: check for check in json.loads(done.stdout)["checks"]}
    assert checks["agent.toml"]["state"] == "ok"
    assert checks["agent.toml: keys"]["state"] == "ok"
    for name in ("extra site", "kernels", "scheduler.toml"):
        assert checks[name]["state"] == "skipped"
        assert "not installed" in checks[name]["found"]


def test_warming_compiles_the_kernels_or_loads_them(capsys: pytest.CaptureFixture[str]) -> None:
    code, checks = examined(capsys, "--warm")
    _, again = examined(capsys)

    assert code == 0
    assert " in " in checks["kernels"]["found"]
    count = again["kernels"]["found"].split()[0]
    assert again["kernels"]["found"] == f"{count} of {count} compiled and kept"


def test_what_a_scheduler_starts_with_is_told_apart_from_all_kernels(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    starting = {id(kernel) for kernel in kernels.scheduler_kernels()}
    count, all_count = len(starting), len(list(kernels.compiled_functions()))

    monkeypatch.setattr(kernels, "is_cached", lambda kernel: id(kernel) in starting)
    ready = kernels.check_kernels(print, warm=False)
    monkeypatch.setattr(kernels, "is_cached", lambda kernel: id(kernel) not in starting)
    cold = kernels.check_kernels(print, warm=False)

    assert count < all_count
    assert f"{count} of {all_count} compiled and kept" in ready.found
    assert f"the {count} that a scheduler starts with are there" in ready.found
    assert "first start" not in ready.remedy
    assert f"a scheduler starts with {count}, and {count} of them are missing" in cold.found
    assert "its first start compiles them" in cold.remedy


def test_a_clock_that_lost_its_battery_fails() -> None:
    finding = machine.check_clock(wall_ns=0)

    assert finding.code == 1
    assert "1970-01-01" in finding.found


@pytest.mark.parametrize(
    ("error_s", "expected"), [(None, "not known"), (-1.0, "not synchronised"), (0.01, "0.01 s")]
)
def test_a_clock_nobody_keeps_is_told_and_fails_nothing(
    error_s: float | None, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "synchronised_within_s", lambda: error_s)

    finding = machine.check_clock()

    assert finding.state is State.OK
    assert expected in finding.found


def test_the_extras_are_those_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    imported_as = {
        "commonroad-drivability-checker": "commonroad_dc",
        "mapbox-earcut": "mapbox_earcut",
        "protobuf": "google.protobuf",
        "python-fcl": "fcl",
        "pyyaml": "yaml",
        "tomli-w": "tomli_w",
    }

    for extra, modules in machine.EXTRAS.items():
        named = [line.split(">")[0].lower() for line in project["optional-dependencies"][extra]]
        expected = {imported_as.get(name, name) for name in named if "[" not in name}
        assert set(modules) == expected


def test_what_cannot_be_read_is_mended_first() -> None:
    wrong, missing = failed("a", "", ""), failed("b", "", "", 3)
    unreadable = attempt("c", lambda: refuse())

    assert exit_code([ok("d", "")]) == 0
    assert exit_code([wrong, ok("d", "")]) == 1
    assert exit_code([wrong, missing]) == 3
    assert exit_code([wrong, missing, unreadable]) == 2


def refuse() -> str:
    raise ConfigError("wrong", place="a.toml", key="b", value=1, remedy="set it")
