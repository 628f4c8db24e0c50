from pathlib import Path

import pytest

from tests.cli.placing import SITE


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the folder of a site, which it is run in."""
    monkeypatch.chdir(tmp_path)
    Path("site.yaml").write_bytes(SITE.read_bytes())
    return tmp_path
