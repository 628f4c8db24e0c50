import subprocess
import sys

import pytest

from lunaredge.cli import main as entry
from lunaredge.cli.main import COMMANDS, main


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


def test_a_missing_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def not_installed(options: object) -> int:
        raise ModuleNotFoundError("No module named 'numba'", name="numba")

    monkeypatch.setattr("lunaredge.cli.listing.run", not_installed)

    code = entry.main(["nodes"])

    assert code == 3
    assert "lunaredge[site]" in capsys.readouterr().err
