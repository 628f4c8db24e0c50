"""What a demo refuses before anything is started, and when its Earth speaks."""

import subprocess
import tomllib
from pathlib import Path

import pytest

from lunaredge.cli.demo.checks import check_folder, check_picture
from lunaredge.cli.demo.site import (
    FLEET_FILE,
    SITE_FILE,
    STANDBY,
    DemoWishes,
    approve_delay_s,
    prepare,
)
from lunaredge.cli.doctor.kernels import scheduler_kernels
from lunaredge.cli.main import main
from lunaredge.errors import ConfigError
from lunaredge.examples import demo_site
from lunaredge.model.contact import Contact, ContactPlan
from lunaredge.runtime.broker import BrokerChoice
from lunaredge.runtime.files.contact_file import load_contacts
from lunaredge.runtime.files.fleet_file import load_fleet
from lunaredge.runtime.files.site_file import load_site
from lunaredge.units import ns_from_s
from tests.system.tiny_site import write_tiny_site

MINUTE_S = 60.0


@pytest.mark.parametrize(
    ("old", "new", "key", "named"),
    [
        ("after: [measure]", "after: [measure-again]", "tasks[1]", "waits for itself"),
        ("stand: [50, 30]", "stand: [5, 54]", "tasks[3]", "keep_out hole"),
    ],
)
def test_an_order_that_the_scheduler_would_refuse_is_refused_before_the_start(
    tmp_path: Path, old: str, new: str, key: str, named: str
) -> None:
    order = write_tiny_site(tmp_path / "site") / "order.yaml"
    order.write_text(order.read_text("utf-8").replace(old, new), "utf-8")

    with pytest.raises(ConfigError) as caught:
        prepare(tmp_path / "run", wishes(order.parent), lambda _: None)

    assert str(caught.value).startswith(f"{order}: {key} (")
    assert named in str(caught.value)
    assert not (tmp_path / "run").exists()


def wishes(site: Path, *, standby: bool = False) -> DemoWishes:
    return DemoWishes(
        site=site,
        speed=60.0,
        seed=1,
        kills=(),
        outage=True,
        broker=BrokerChoice.AUTO,
        standby=standby,
    )


def test_with_a_standby_two_schedulers_take_turns_on_one_store(tmp_path: Path) -> None:
    site = write_tiny_site(tmp_path / "site")

    alone = prepare(tmp_path / "alone", wishes(site), lambda _: None).commands
    both = prepare(tmp_path / "both", wishes(site, standby=True), lambda _: None).commands

    assert STANDBY not in alone
    assert "--standby" not in alone["scheduler"]
    assert both[STANDBY] == both["scheduler"]
    assert both["scheduler"][-1] == "--standby"


def test_a_process_is_this_program_whatever_lies_where_it_is_started(tmp_path: Path) -> None:
    site = write_tiny_site(tmp_path / "site")
    command = prepare(tmp_path / "run", wishes(site), lambda _: None).commands["scheduler"]
    tmp_path.joinpath("lunaredge").mkdir()
    tmp_path.joinpath("lunaredge", "__init__.py").write_text("1 / 0", "utf-8")

    done = subprocess.run([*command, "--help"], cwd=tmp_path, capture_output=True, check=False)

    assert done.returncode == 0, done.stderr


def test_agents_count_on_less_braking_than_the_fleet_file_rates(tmp_path: Path) -> None:
    site = write_tiny_site(tmp_path / "site")
    rated = {
        spec.name: spec.machine.deceleration_m_s2
        for spec in load_fleet(site / FLEET_FILE, load_site(site / SITE_FILE)).nodes
        if spec.machine is not None
    }

    prepare(tmp_path / "run", wishes(site), lambda _: None)

    for node, deceleration_m_s2 in rated.items():
        settings = tomllib.loads((tmp_path / "run" / f"agent-{node}.toml").read_text("utf-8"))
        counted = settings["agent"]["deceleration_m_s2"]
        assert counted == pytest.approx(0.8 * deceleration_m_s2)


def test_compiling_is_told_only_where_a_kernel_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = write_tiny_site(tmp_path / "site")
    warm: list[str] = []
    cold: list[str] = []

    prepare(tmp_path / "first", wishes(site), [].append)
    # By now each kernel that is counted is there: what no demo uses is not waited for.
    prepare(tmp_path / "warm", wishes(site), warm.append)
    monkeypatch.setattr("lunaredge.cli.demo.site.is_cached", lambda kernel: False)
    prepare(tmp_path / "cold", wishes(site), cold.append)

    assert not any("compiling" in said for said in warm)
    count = len(scheduler_kernels())
    assert f"compiling {count} kernels: at most 5 to 8 minutes on two cores, once" in cold


@pytest.mark.parametrize("name", ["missing/x.svg", "x.png", "x", "folder.svg"])
def test_a_picture_that_can_not_be_written_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.svg").mkdir()

    with pytest.raises(ConfigError, match="--picture"):
        check_picture(tmp_path / name)


def test_a_picture_in_a_folder_is_taken_and_nothing_is_written_yet(tmp_path: Path) -> None:
    check_picture(tmp_path / "x.svg")

    assert not list(tmp_path.iterdir())


def test_a_bad_picture_is_one_message_and_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["demo", "--picture", "/nope/x.svg"])

    captured = capsys.readouterr()
    assert (code, captured.out) == (2, "")
    assert "/nope/x.svg" in captured.err


def test_a_folder_with_something_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear Earth", encoding="utf-8")

    check_folder(tmp_path / "new")
    for taken, problem in (
        (tmp_path, "has something in it"),
        (tmp_path / "letter.txt", "is a file"),
    ):
        with pytest.raises(ConfigError, match=rf"--keep.*{problem}"):
            check_folder(taken)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("name", ["/proc/x", "/proc/x/y", "letter.txt/run", "n" * 300])
def test_a_folder_that_cannot_be_written_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear Earth", encoding="utf-8")

    with pytest.raises(ConfigError, match=r"--keep.*can't be written: "):
        check_folder(tmp_path / name)


def test_the_help_gives_the_range_of_the_speed(capsys: pytest.CaptureFixture[str]) -> None:
    main(["demo", "--help"])

    assert "1 to 120" in " ".join(capsys.readouterr().out.split())


# --- Earth's word -------------------------------------------------------------------------------


def plan(*windows_min: tuple[float, float]) -> ContactPlan:
    contacts = (
        Contact(
            link="DTE",
            start_ns=ns_from_s(start * MINUTE_S),
            end_ns=ns_from_s(end * MINUTE_S),
            light_time_s=1.3,
        )
        for start, end in windows_min
    )
    return ContactPlan(contacts=tuple(contacts))


@pytest.mark.parametrize(
    ("windows_min", "delay_min"),
    [
        # In the middle of a short outage, twenty minutes into a long one.
        (((0, 70), (110, 600)), 90),
        (((0, 15), (20, 600)), 17.5),
        (((0, 70), (2_000, 2_600)), 90),
        # Another link takes over: no outage.
        (((0, 70), (60, 600)), 0),
        (((0, 600),), 0),
        # After the run has long given up.
        (((0, 300), (310, 600)), 0),
    ],
)
def test_earths_people_take_so_long_that_their_word_waits_for_the_link(
    windows_min: tuple[tuple[float, float], ...], delay_min: float
) -> None:
    assert approve_delay_s(plan(*windows_min), 0) == delay_min * MINUTE_S


def test_at_the_demos_own_site_the_word_falls_into_the_outage() -> None:
    contacts = load_contacts(demo_site() / "contacts.json")

    given_ns = contacts.epoch_ns + ns_from_s(approve_delay_s(contacts.plan, contacts.epoch_ns))

    # The order is heard on Earth some minutes after the start, later on a slow machine.
    for late_min in (0, 1, 15):
        assert contacts.plan.at(given_ns + ns_from_s(late_min * MINUTE_S)) is None


@pytest.mark.parametrize(
    ("kill", "said"),
    [
        ("sceduler", "--kill: there is no such process, got 'sceduler'; name one of"),
        ("agent:nobody", "--kill: there is no such agent, got 'agent:nobody'; name one of agent:"),
    ],
)
def test_a_kill_of_nobody_is_told_what_there_is(
    kill: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["demo", "--kill", kill, "--keep", str(tmp_path / "run")])

    assert code == 2
    assert said in capsys.readouterr().err
