import pytest

from lunaredge.errors import TransportError
from tests.system.site_run import Run, prepare_tiny_site


@pytest.fixture
async def run(tmp_path):
    """Give a tiny site on the best broker there is, nothing started; all is ended after."""
    try:
        site = prepare_tiny_site(tmp_path)
    except TransportError as exc:
        pytest.skip(str(exc))
    processes = Run(site)
    yield processes
    await processes.stop()
