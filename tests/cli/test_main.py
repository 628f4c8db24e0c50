import argparse
import errno
import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lunaredge.cli import main as entry
from lunaredge.cli.closed_stream import ClosedStream, StreamClosedError
from lunaredge.cli.main import COMMANDS, EXIT_MISSING_PART, EXIT_PIPE_CLOSED, main


def test_help_names_every_command_and_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["--help"])

    text = capsys.readouterr().out
    assert code == 0
    assert all(command.name in text for command in COMMANDS)
    assert "exit codes" in text


@pytest.mark.parametrize("command", [command.name for command in COMMANDS])
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = main([command, "--help"])

    assert code == 0
    assert f"lunaredge {command}" in capsys.readouterr().out


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_option_says_what_it_is(command: entry.Command) -> None:
    parser = argparse.ArgumentParser()
    importlib.import_module(f"lunaredge.cli.{command.module}").add_arguments(parser, command.name)

    assert [action.dest for action in options_of(parser) if not action.help] == []


def options_of(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Give what a parser takes, and those below it."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for part in action.choices.values():
                yield from options_of(part)
        else:
            yield action


def test_each_command_has_its_line_in_the_help(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")

    main(["--help"])

    lines = capsys.readouterr().out.splitlines()
    heads = [line.split()[:2] for line in lines if line.startswith("    ")]
    expected = [[command.name, command.help.split()[0]] for command in COMMANDS]
    assert [head for head in heads if head in expected] == expected
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize(
    ("command", "whose"), [("earth", "of the Earth station"), ("machines", "of the simulated mac")]
)
def test_a_process_says_whose_settings_it_takes(
    command: str, whose: str, capsys: pytest.CaptureFixture[str]
) -> None:
    main([command, "--help"])

    assert f"settings {whose}" in " ".join(capsys.readouterr().out.split())


def test_an_unknown_command_is_bad_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fly"]) == 2
    assert "fly" in capsys.readouterr().err


def test_a_wrong_option_is_told_with_the_usage_of_its_command(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code = main(["route", "check", "scene.yaml", "--foo"])

    told = capsys.readouterr().err
    assert code == 2
    assert told.startswith("usage: lunaredge route check ")
    assert "unrecognized arguments: --foo" in told


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux")
@pytest.mark.parametrize("words", [["--help"], ["route", "--help"], ["route", "plan", "--help"]])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_help_that_cannot_be_written_is_no_success(words: list[str], unbuffered: str) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "lunaredge", *words],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
        )

    assert done.returncode == EXIT_MISSING_PART
    assert "cannot be written" in done.stderr


def test_a_missing_configuration_says_what_to_do(
    capsys: pytest.CaptureFixture[str], tmp_path: object
) -> None:
    code = main(["nodes", "--config", f"{tmp_path}/none.toml"])

    captured = capsys.readouterr()
    assert code == 2
    assert captured.out == ""
    assert "none.toml" in captured.err
    assert "--config" in captured.err


def test_optimised_python_is_refused() -> None:
    done = subprocess.run(
        [sys.executable, "-O", "-m", "lunaredge", "nodes"], capture_output=True, check=False
    )

    assert done.returncode == 2
    assert b"python -O" in done.stderr


def test_who_stops_reading_makes_no_success_of_it() -> None:
    code = of_shell("explain --help | true")

    assert code == (EXIT_PIPE_CLOSED, "")


def test_what_stops_both_streams_at_once_is_quiet() -> None:
    code = of_shell("explain --help 2>&1 | true")

    assert code == (EXIT_PIPE_CLOSED, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux")
def test_an_output_that_is_full_is_an_error_of_one_line() -> None:
    code, told = of_shell("explain --help > /dev/full")

    assert code == EXIT_MISSING_PART
    assert told.startswith("lunaredge: the output cannot be written: No space left on device")
    assert told.count("\n") == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux")
def test_an_output_that_is_full_fails_even_if_nobody_can_be_told() -> None:
    assert of_shell("explain --help > /dev/full 2> /dev/full") == (EXIT_MISSING_PART, "")


@pytest.mark.parametrize("words", ["explain --help", "--version"])
def test_an_output_that_is_closed_is_an_error_of_one_line(words: str) -> None:
    code, told = of_shell(f"{words} >&-")

    remedy = "standard output is closed; make room, or send the output elsewhere\n"
    assert (code, told) == (EXIT_MISSING_PART, f"lunaredge: the output cannot be written: {remedy}")


def test_what_is_wrong_is_told_though_the_output_is_closed() -> None:
    code, told = of_shell("nodes --config none.toml >&-")

    assert code == 2
    assert "there are no client settings" in told


@pytest.mark.parametrize("closed", ["2>&-", ">&- 2>&-"])
def test_where_errors_are_closed_they_change_no_exit_code(closed: str) -> None:
    assert of_shell(f"nodes --config none.toml {closed}") == (2, "")


def test_what_a_command_does_is_done_before_its_answer_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    done = []

    def act(_: object) -> int:
        sys.stdout.write("stopping\n")
        done.append("stopped")
        return 0

    monkeypatch.setattr("lunaredge.cli.estop.run", act)
    monkeypatch.setattr("sys.stdout", None)

    assert main(["estop", "--reason", "smoke"]) == EXIT_MISSING_PART
    assert done == ["stopped"]
    assert sys.stdout is None


def test_an_answer_without_end_ends_where_its_output_is_closed() -> None:
    stream = ClosedStream()

    stream.write("one more\n")
    with pytest.raises(StreamClosedError):
        stream.writelines(["one more\n"] * 10_000)


def test_another_error_of_the_system_is_not_taken_for_a_full_output(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device", "journal")

    monkeypatch.setattr("lunaredge.cli.listing.run", broken)

    with pytest.raises(OSError, match="journal"):
        main(["nodes"])


def of_shell(words: str) -> tuple[int, str]:
    """Run a command in a shell; give its own exit code, whatever it is piped into, and stderr."""
    line = f"{sys.executable} -m lunaredge {words}; exit ${{PIPESTATUS[0]}}"
    # Python would write each line at once: what is held back is what is lost.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"}
    done = subprocess.run(
        ["bash", "-c", line], capture_output=True, text=True, check=False, env=environment
    )
    return done.returncode, done.stderr


def test_a_missing_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def not_installed(options: object) -> int:
        raise ModuleNotFoundError("No module named 'numba'", name="numba")

    monkeypatch.setattr("lunaredge.cli.listing.run", not_installed)

    code = entry.main(["nodes"])

    assert code == 3
    assert "lunaredge[site]" in capsys.readouterr().err
