"""Compile before the clock of any property test runs: a cold cache takes seconds."""

import pytest

from lunaredge.scheduler.solve import warm_up


@pytest.fixture(scope="session", autouse=True)
def _compiled():
    warm_up()
