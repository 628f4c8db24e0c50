"""The rules that keep numba's cache true."""

import ast
from pathlib import Path

import pytest

import lunaredge.kernels

FOLDER = Path(lunaredge.kernels.__file__).parent
MODULES = sorted(path for path in FOLDER.glob("*.py") if path.stem not in ("__init__", "jit"))


def kernels_imported(source: str) -> list[str]:
    """Name what a module takes from other kernel modules than `jit`."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module != "lunaredge.kernels.jit":
            found += [alias.name for alias in node.names if "kernels" in (node.module or "")]
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if "kernels" in alias.name]
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_no_kernel_rests_on_another_file_whose_change_the_cache_would_miss(path):
    assert kernels_imported(path.read_text()) == []


def test_the_rule_would_find_a_kernel_that_does():
    source = "from lunaredge.kernels.corridors import first_conflict"

    assert kernels_imported(source) == ["first_conflict"]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_compiled_code_has_one_decorator(path):
    assert "numba" not in {
        alias.name
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Import)
        for alias in node.names
    }
