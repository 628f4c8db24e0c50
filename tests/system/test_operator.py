"""An operator's command line against a real site: what it says, what it does, how it exits."""

import asyncio
import json
import re
import shutil
import subprocess
import tomllib

import tomli_w

from lunaredge.runtime.keys import make_keys
from lunaredge.wire.seal import Role
from tests.system.site_run import Run, lunaredge, rows, until

PARTS = ("broker", "scheduler", "machines", "agent-excavator-1", "agent-dc-1")
DONE, NOT_SO, BAD_INPUT, MISSING_PART = 0, 1, 2, 3


class Desk:
    """One operator's shell."""

    def __init__(self, run: Run, config: str = "operator") -> None:
        self._config = run.site.folder / f"{config}.toml"

    async def type(self, *words: str) -> subprocess.CompletedProcess[str]:
        return await asyncio.to_thread(lunaredge, *words, "--config", self._config)

    async def ask(self, *words: str) -> dict[str, object]:
        """Type a command that must be done, and give its JSON."""
        done = await self.type(*words, "--json")
        assert done.returncode == DONE, done.stderr
        assert not done.stderr
        return json.loads(done.stdout)


async def working(run: Run) -> Desk:
    """A site in which one machine and the computer are counted in."""
    await run.start(*PARTS)
    for node in ("excavator-1", "dc-1"):
        await run.told("scheduler", f"node.censused node={node}")
    return Desk(run)


async def shown(run: Run, view: str, **row: object) -> None:
    """Wait until a view has a row like that."""
    async with run.client(view) as eye:
        await until(lambda: any(row.items() <= found.items() for found in rows(eye, view)))


async def test_what_an_operator_does_is_done_and_said(run):
    desk = await working(run)

    held = await desk.ask("hold", "excavator-1")
    await shown(run, "nodes", node="excavator-1", held=True)
    nodes = await desk.ask("nodes")
    resumed = await desk.ask("resume", "excavator-1")
    await shown(run, "nodes", node="excavator-1", held=False)
    submitted = await desk.ask("submit", str(run.site.order_file))
    explained = await desk.ask("explain", "carry")
    cancelled = await desk.ask("cancel", "measure")
    await shown(run, "tasks", task="fuse", phase="cancelled", reason="measure cancelled")

    names = {row["node"]: row["presence"] for row in nodes["rows"]}
    assert names["excavator-1"] == "up"
    assert names["hauler-1"] != "up"
    assert held["text"] == "excavator-1 is to hold"
    assert resumed["text"] == "excavator-1 may go on"
    assert submitted["text"] == "order one-lot accepted with 5 tasks"
    assert explained["text"] == "carry waits: after dig"
    assert cancelled["text"] == "measure cancelled, and 2 more that can't start without it"


async def test_a_stop_is_confirmed_and_released_in_two_steps(run):
    desk = await working(run)

    one = await desk.ask("estop", "excavator-1", "--reason", "smoke")
    await shown(run, "nodes", node="excavator-1", stops=[one["stop"]])
    guessed = await desk.type("estop", "--release", one["stop"], "--code", "000000")
    offered = await desk.ask("estop", "--release", f"stop.{one['stop']}")
    code = str(offered["code"])
    released = await desk.ask("estop", "--release", one["stop"], "--code", code)
    await shown(run, "nodes", node="excavator-1", stops=[])

    assert (one["ok"], one["confirmed"], one["not_confirmed"]) == (True, ["excavator-1"], [])
    assert guessed.returncode == NOT_SO
    assert "ask for a new one" in guessed.stderr
    assert (released["text"], released["code"]) == (f"{one['stop']} released", None)


async def test_a_machine_is_locked_out_and_comes_back_by_its_own_word(run):
    desk = await working(run)

    locked = await desk.ask("lockout", "excavator-1", "--why", "a new track")
    await shown(run, "nodes", node="excavator-1", state="locked")
    nodes = await desk.ask("nodes")
    offered = await desk.ask("lockout", "excavator-1", "--release")
    code = str(offered["code"])
    released = await desk.ask("lockout", "excavator-1", "--release", "--code", code)
    await shown(run, "nodes", node="excavator-1", state="idle", lockout=None)

    row = next(row for row in nodes["rows"] if row["node"] == "excavator-1")
    assert "as soon as `lunaredge nodes` says: locked out by operator-" in str(locked["text"])
    assert [tag["why"] for tag in row["lockout"]["tags"]] == ["a new track"]
    assert str(released["text"]).endswith("planned again once it has said where it stands")


async def test_a_zone_is_closed_and_opened_in_two_steps(run):
    desk = await working(run)

    closed = await desk.ask("close", "spot", "--at", "1", "1", "--radius", "2", "--why", "a lander")
    await shown(run, "closures", zone="spot", why="a lander", phase="requested")
    listed = await desk.type("closures")
    offered = await desk.ask("open", "spot")
    code = str(offered["code"])
    opened = await desk.ask("open", "spot", "--code", code)
    await shown(run, "closures", zone="spot", phase="opened")

    assert "go in when `lunaredge closures` shows it clear" in str(closed["text"])
    assert "hauler-1 has to be counted" in listed.stdout
    assert opened["text"] == "spot is open"


async def test_a_stop_that_not_everybody_confirms_says_who_did_not(run):
    desk = await working(run)

    stopped = await desk.type("estop", "--json")
    nobody = await desk.type("estop", "nobody")
    await run.supervisor.stop(["scheduler", "agent-excavator-1", "agent-dc-1"])
    unheard = await desk.type("estop")

    document = json.loads(stopped.stdout)
    assert stopped.returncode == NOT_SO
    assert sorted(document["confirmed"]) == ["dc-1", "excavator-1"]
    assert sorted(document["not_confirmed"]) == ["hauler-1", "scout-1"]
    assert nobody.returncode == NOT_SO
    assert "no node is called nobody; there are: " in nobody.stderr
    assert unheard.returncode == MISSING_PART
    assert "NOBODY answers" in unheard.stderr


async def test_a_stop_by_a_key_that_the_site_does_not_know_is_not_called_done(run):
    await working(run)
    stranger = enrol_elsewhere(run, "operator-eve")

    stopped = await Desk(run, stranger).type("estop", "excavator-1")

    assert stopped.returncode in (NOT_SO, MISSING_PART)
    assert "is this key enrolled" in stopped.stderr


def enrol_elsewhere(run: Run, name: str) -> str:
    """Make a key that only its owner's own copy of the public keys holds; give its settings."""
    folder = run.site.folder
    shutil.copytree(folder / "keys", folder / "other-keys")
    make_keys(folder / "other-keys", {name: Role.OPERATOR})
    settings = tomllib.loads((folder / "operator.toml").read_text(encoding="utf-8"))
    settings |= {"name": name, "keys": "other-keys"}
    (folder / f"{name}.toml").write_text(tomli_w.dumps(settings), encoding="utf-8")
    return name


async def test_what_the_scheduler_refuses_is_refused_with_a_way_on(run):
    desk = await working(run)
    await desk.ask("submit", str(run.site.order_file))

    again = await desk.type("submit", str(run.site.order_file))
    approved = await desk.type("approve", "measure-again")

    assert again.returncode == BAD_INPUT
    assert again.stderr.startswith(f"{run.site.order_file}: refused: order one-lot was already")
    assert approved.returncode == NOT_SO
    assert "only Earth's key may approve: approve through Earth's broker" in approved.stderr


async def test_on_earth_a_list_says_at_once_what_there_is_and_what_is_not(run):
    await run.start("earth-broker", "earth")
    desk = Desk(run, "operator-on-earth")

    async with run.client_on_earth("earth") as eye:
        await until(lambda: rows(eye, "earth"))
    link = await desk.ask("link")
    lists = [await desk.type(name) for name in ("nodes", "tasks", "alarms")]
    stopped = await desk.type("estop")

    assert link["view"] == "earth"
    assert {found.returncode for found in lists} == {MISSING_PART}
    assert all("this is Earth's broker, which has no view" in found.stderr for found in lists)
    assert all("lockout, manual, close, open" in found.stderr for found in lists)
    assert stopped.returncode == MISSING_PART
    assert "NOTHING is confirmed" in stopped.stderr


async def test_what_is_not_so_and_what_is_not_there_has_its_own_exit_code(run):
    desk = await working(run)

    tries = {
        ("hold", "nobody"): (NOT_SO, "no node nobody"),
        ("cancel", "nothing"): (NOT_SO, "no task nothing"),
        ("explain", "nothing"): (NOT_SO, "no task or node nothing"),
        ("approve", "nothing"): (NOT_SO, "no task that needs approval"),
        ("vouch", "excavator-1", "--gone"): (NOT_SO, "speaks for itself"),
        ("vouch", "hauler-1", "--gone"): (NOT_SO, "ask again"),
        ("vouch", "hauler-1", "--at", "x", "1"): (BAD_INPUT, "no number of metres: 'x'"),
        ("vouch", "hauler-1"): (BAD_INPUT, "--at --gone"),
        ("hold", "../up"): (BAD_INPUT, "'../up'"),
        ("estop", "--code", "123"): (BAD_INPUT, "give it with --release"),
        ("estop", "--release", ""): (BAD_INPUT, "name the stop"),
        ("estop", "dc-1", "--release", "s"): (BAD_INPUT, "leave it out"),
        ("submit", "/nowhere/order.yaml"): (BAD_INPUT, "/nowhere/order.yaml"),
    }
    found = {words: await desk.type(*words) for words in tries}
    await run.supervisor.stop(["broker"])
    without_broker = await desk.type("nodes")

    for words, (code, text) in tries.items():
        assert (found[words].returncode, found[words].stdout) == (code, ""), words
        assert text in found[words].stderr, words
        assert "Traceback" not in found[words].stderr
    assert without_broker.returncode == MISSING_PART
    assert re.search(r"operator\.toml: the broker at 127\.0\.0\.1:\d+ can't", without_broker.stderr)
