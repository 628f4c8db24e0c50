"""Bad files, by the real command line: one message, exit code 2, and nothing started."""

import asyncio
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from subprocess import CompletedProcess
from typing import NamedTuple

import pytest

from tests.system.site_run import lunaredge, prepare_tiny_site, rows, until
from tests.system.tiny_site import ORDER


class Broken(NamedTuple):
    """A file under the run's folder, what stands there in place of what, and who reads it."""

    file: str
    old: str
    new: str
    reader: str
    named: tuple[str, ...]
    """What the message must name: file, place and value."""


BROKEN = {
    "an unknown kind of task": Broken(
        "site/order.yaml", "kind: haul", "kind: fly", "submit", ("order.yaml:", "[3].kind", "'fly'")
    ),
    "an order that is no YAML": Broken(
        "site/order.yaml", "id: dig", "id: [dig", "submit", ("order.yaml:7", "YAML")
    ),
    "a machine of negative width": Broken(
        "site/fleet.toml", "width_m = 0.9", "width_m = -9", "scheduler", ("fleet.toml", "-9")
    ),
    "a zone that crosses itself": Broken(
        "site/site.toml",
        "[32, 28], [38, 28]",
        "[38, 28], [32, 28]",
        "scheduler",
        ("site.toml", "zones[2].polygon", "crosses"),
    ),
    "a window that ends at minute 70": Broken(
        "site/contacts.json", "12:15:", "12:70:", "gateway", ("contacts.json", "[0].end", "12:70:")
    ),
    "a window that ends before it starts": Broken(
        "site/contacts.json", "12:15:", "10:00:", "earth", ("contacts.json", "[0].end", "10:00:")
    ),
    "a setting out of its range": Broken(
        "run/scheduler.toml",
        "entries = 1",
        "entries = -1",
        "scheduler",
        ("scheduler.toml", "checkpoint_entries", "-10000000"),
    ),
    "a setting that is not there": Broken(
        "run/machines.toml", "seed = ", "sead = ", "machines", ("machines.toml", "sead")
    ),
    "an agent's port out of range": Broken(
        "run/agent-dc-1.toml", "port = ", "port = 9", "agent", ("agent-dc-1.toml", "broker.port")
    ),
    "a broker's port that is no number": Broken(
        "run/broker.toml", "port = ", 'port = "x" # ', "broker", ("broker.toml", "port", "'x'")
    ),
    "an operator's settings without keys": Broken(
        "run/operator.toml", '"keys"', '"no-keys"', "nodes", ("no-keys/public.json",)
    ),
}

IMPOSSIBLE = {
    "a circle": (
        "{id: a, kind: survey, zone: field, after: [b]}, "
        "{id: b, kind: survey, zone: field, after: [a]}",
        ("task a", "waits for itself", "b"),
    ),
    "work that no machine can do": (
        "{id: a, kind: grade, zone: field}",
        ("task a", "no node can grade"),
    ),
    "a goal in a keep-out zone": (
        "{id: a, kind: excavate, zone: pit, pile: pile, mass_kg: 4, stand: [5, 54]}",
        ("task a", "keep_out hole"),
    ),
    "a keep-out zone as a goal": (
        "{id: a, kind: survey, zone: hole}",
        ("task a", "zone hole", "keep-out"),
    ),
}


class Outcome(NamedTuple):
    """What came of a command, and which files it left behind."""

    done: CompletedProcess[str]
    left: list[Path]


def words_for(reader: str, folder: Path) -> tuple[object, ...]:
    """Give the command line by which that file is read."""
    if reader == "submit":
        client = ("--config", folder / "run" / "operator.toml")
        return ("submit", folder / "site" / "order.yaml", *client)
    settings = {"agent": "agent-dc-1", "nodes": "operator"}.get(reader, reader)
    return (reader, "--config", folder / "run" / f"{settings}.toml")


def copy_of(site: Path, folder: Path) -> Path:
    """Copy a prepared site with its settings."""
    shutil.copytree(site, folder)
    for path in (folder / "run").glob("*.toml"):
        path.write_text(path.read_text(encoding="utf-8").replace(str(site), str(folder)), "utf-8")
    return folder


def read_by(reader: str, folder: Path) -> Outcome:
    before = set(folder.rglob("*"))
    done = lunaredge(*words_for(reader, folder))
    return Outcome(done, sorted(set(folder.rglob("*")) - before))


def spoilt_in(folder: Path, broken: Broken) -> Outcome:
    path = folder / broken.file
    content = path.read_text(encoding="utf-8")
    assert broken.old in content
    path.write_text(content.replace(broken.old, broken.new, 1), encoding="utf-8")
    return read_by(broken.reader, folder)


def cut_in(folder: Path, size_bytes: int) -> Outcome:
    tile = folder / "site" / "tile.tif"
    tile.write_bytes(tile.read_bytes()[:size_bytes])
    return read_by("scheduler", folder)


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """Run every command of these tests, some at a time: each takes a second to load."""
    base = tmp_path_factory.mktemp("bad")
    prepare_tiny_site(base / "sound")
    with ThreadPoolExecutor(4) as pool:
        found = {
            what: pool.submit(spoilt_in, copy_of(base / "sound", base / f"{i}"), broken)
            for i, (what, broken) in enumerate(BROKEN.items())
        }
        for name, size_bytes in (("a tile cut short", 5000), ("a tile that is none", 3)):
            found[name] = pool.submit(cut_in, copy_of(base / "sound", base / name), size_bytes)
        return {what: future.result() for what, future in found.items()}


def check_one_message(outcome: Outcome, named: tuple[str, ...]) -> None:
    done = outcome.done
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(r"lunaredge: [^\n]+: [^\n]+, got [^\n]+; [^\n]+\n", done.stderr)
    assert all(word in done.stderr for word in named), done.stderr


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_file_is_one_message_and_nothing_is_started(outcomes, what):
    check_one_message(outcomes[what], BROKEN[what].named)

    assert not outcomes[what].left


@pytest.mark.parametrize(
    ("what", "named"),
    [
        ("a tile cut short", ("tile.tif", "cut short", "5000 bytes")),
        ("a tile that is none", ("tile.tif", "not a readable TIFF")),
    ],
)
def test_a_broken_tile_is_one_message_and_nothing_is_started(outcomes, what, named):
    check_one_message(outcomes[what], named)

    assert not outcomes[what].left


async def test_an_order_that_can_never_be_done_is_refused_at_submit_by_name(run):
    await run.start("broker", "scheduler")
    await run.told("scheduler", "broker.connected")
    head = ORDER.partition("tasks:")[0]
    orders = [run.site.folder / f"{i}.yaml" for i in range(len(IMPOSSIBLE))]
    for path, (tasks, _) in zip(orders, IMPOSSIBLE.values(), strict=True):
        path.write_text(f"{head}tasks: [{tasks}]\n", encoding="utf-8")

    config = ("--config", run.site.client_file)
    submits = [asyncio.to_thread(lunaredge, "submit", path, *config) for path in orders]
    for done, (_, named) in zip(await asyncio.gather(*submits), IMPOSSIBLE.values(), strict=True):
        assert (done.returncode, done.stdout) == (2, "")
        assert all(word in done.stderr for word in named), done.stderr

    async with run.client("tasks") as eye:
        await until(lambda: "tasks" in eye.latest)
        assert rows(eye, "tasks") == []


def test_a_run_in_a_folder_that_is_not_empty_is_refused(tmp_path):
    (tmp_path / "letter.txt").write_text("dear Earth", encoding="utf-8")

    done = lunaredge("demo", "--keep", tmp_path)

    assert done.returncode == 2
    assert "name a folder that is new or empty" in done.stderr
