"""What holds for every test: no network, no sleep, and the same cases on every run."""

import os
import socket
import time
from pathlib import Path

import pytest
from hypothesis import settings

TESTS = Path(__file__).parent

# Only these start processes and wait for them; `style` runs the import linter.
OUTSIDE_WORLD = {"runtime", "cli", "schema", "style", "system"}

# The suite draws the same cases each time, so that a red run is the change's own. To search for
# new ones: LUNAREDGE_HYPOTHESIS=search make test
settings.register_profile("steady", derandomize=True, deadline=None)
settings.register_profile("search", max_examples=2000, deadline=None, print_blob=True)
settings.load_profile(os.environ.get("LUNAREDGE_HYPOTHESIS", "steady"))


@pytest.fixture(autouse=True)
def _shut_in(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no test outside those folders sleep or reach a network."""
    if request.path.relative_to(TESTS).parts[0] in OUTSIDE_WORLD:
        return

    def refuse(*_: object) -> None:
        raise AssertionError("a test outside tests/runtime and tests/cli slept or went online")

    monkeypatch.setattr(time, "sleep", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "bind", refuse)
