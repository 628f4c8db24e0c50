"""The import contracts hold, each one breaks when provoked, and a board's agent starts light."""

import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.style.source import PACKAGE, ROOT

# One forbidden import for each contract, or more: (contract, new module, its import).
PROVOCATIONS = [
    ("layers", "wire/provoked.py", "import lunaredge.agent"),
    ("layers", "model/provoked.py", "import lunaredge.wire.codec"),
    ("layers", "model/provoked.py", "import lunaredge.kernels"),
    ("layers", "kernels/provoked.py", "import lunaredge.model"),
    ("layers", "agent/provoked.py", "import lunaredge.scheduler"),
    ("layers", "agent/provoked.py", "import lunaredge.machine"),
    ("layers", "scheduler/provoked.py", "import lunaredge.earth"),
    ("layers", "archive/provoked.py", "import lunaredge.scheduler"),
    ("layers", "scheduler/provoked.py", "import lunaredge.runtime"),
    ("layers", "sim/provoked.py", "import lunaredge.runtime"),
    ("layers", "runtime/provoked.py", "import lunaredge.sim"),
    ("layers", "runtime/provoked.py", "import lunaredge.cli"),
    ("layers", "examples/provoked.py", "import lunaredge.errors"),
    ("layers", "workloads/provoked.py", "import lunaredge.wire"),
    ("layers", "annex/__init__.py", "import lunaredge.errors"),
    ("numba", "scheduler/provoked.py", "import numba"),
    ("numba", "annex/__init__.py", "from numba import njit"),
    ("textual", "cli/provoked.py", "import textual.app"),
    ("mqtt", "runtime/provoked.py", "import aiomqtt"),
    ("mqtt", "cli/provoked.py", "from paho.mqtt import client"),
    ("amqtt", "runtime/provoked.py", "from amqtt.broker import Broker"),
    ("mqtt5", "runtime/provoked.py", "import mqtt5"),
    ("pydantic", "scheduler/provoked.py", "import pydantic"),
    ("pydantic", "archive/provoked.py", "import pydantic"),
    ("pydantic", "kernels/provoked.py", "def late():\n    import pydantic"),
    ("board", "agent/provoked.py", "import numpy"),
    ("board", "wire/provoked.py", "import yaml"),
    ("board", "model/provoked.py", "def late():\n    from rich import print"),
    ("kernels", "kernels/provoked.py", "import msgspec"),
    ("quay", "scheduler/provoked.py", "import numpy"),
    ("quay", "scheduler/provoked.py", "from lunaredge.kernels import terrain"),
    ("archive", "archive/provoked.py", "import numpy"),
    ("archive", "archive/provoked.py", "from lunaredge.kernels import columns"),
    ("zstd", "runtime/provoked.py", "import zstandard"),
    ("nacl", "runtime/provoked.py", "from nacl.signing import SigningKey"),
]

HEAVY = {"amqtt", "numba", "numpy", "pydantic", "rich", "textual", "tifffile", "yaml"}


def contracts() -> list[str]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return [contract["id"] for contract in settings["tool"]["importlinter"]["contracts"]]


def check(root: Path, *options: str) -> tuple[int, str]:
    """Run the import linter on a tree; give its exit status and what it printed."""
    code = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    command = [sys.executable, "-c", code, "--no-cache", "--no-logo", *options]
    environment = os.environ | {"PYTHONPATH": str(root), "NO_COLOR": "1", "COLUMNS": "200"}
    done = subprocess.run(
        command, cwd=root, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a copy of the tree that may be spoilt."""
    root = tmp_path_factory.mktemp("provoked")
    shutil.copy(ROOT / "pyproject.toml", root)
    shutil.copytree(PACKAGE, root / "lunaredge", ignore=shutil.ignore_patterns("__pycache__"))
    return root


@pytest.fixture
def spoil(copy: Path) -> Iterator[list[Path]]:
    """Give a list of files to be taken out of the copy again."""
    spoilt: list[Path] = []
    yield spoilt
    for path in spoilt:
        path.unlink()
        if path.parent.name == "annex":
            shutil.rmtree(path.parent)


def test_every_contract_holds(copy: Path) -> None:
    status, printed = check(copy)

    assert status == 0, printed


def test_every_contract_is_provoked() -> None:
    assert {contract for contract, _, _ in PROVOCATIONS} == set(contracts())


@pytest.mark.parametrize(
    ("contract", "module", "line"), PROVOCATIONS, ids=lambda value: value.replace("\n", "")
)
def test_a_forbidden_import_breaks_its_contract(
    copy: Path, spoil: list[Path], contract: str, module: str, line: str
) -> None:
    path = copy / "lunaredge" / module
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"{line}\n", encoding="utf-8")
    spoil.append(path)

    status, printed = check(copy, "--contract", contract)

    assert status == 1, printed
    assert "BROKEN" in printed
    assert Path(module).parts[0] in printed


def test_an_agents_process_loads_nothing_of_the_data_centre() -> None:
    modules = ["lunaredge.cli.main", "lunaredge.agent.node"]
    code = f"import sys, {', '.join(modules)}; print(*sorted(sys.modules))"

    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert HEAVY.isdisjoint(done.stdout.split())
