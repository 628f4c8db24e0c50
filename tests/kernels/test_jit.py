"""The rules that keep numba's cache true."""

import ast
from pathlib import Path

import pytest

import lunaredge.kernels
from lunaredge.kernels import jit

FOLDER = Path(lunaredge.kernels.__file__).parent
MODULES = sorted(path for path in FOLDER.glob("*.py") if path.stem not in ("__init__", "jit"))


def kernels_imported(source: str) -> set[str]:
    """Name the other kernel modules that a module imports, however it does."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("lunaredge.kernels"):
            rest = node.module.removeprefix("lunaredge.kernels").lstrip(".")
            found |= {rest} if rest else {alias.name for alias in node.names}
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if "lunaredge.kernels" in alias.name}
    return found - {"jit"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_the_cache_sees_every_kernel_file_that_another_rests_on(path):
    assert kernels_imported(path.read_text()) <= set(jit.files_below(path.stem))


@pytest.mark.parametrize(
    "source",
    [
        "from lunaredge.kernels import corridors",
        "import lunaredge.kernels.corridors",
        "def f():\n    from lunaredge.kernels.corridors import first_conflict",
    ],
)
def test_the_rule_would_find_a_kernel_that_hides_an_import(source):
    assert kernels_imported(source)


def test_a_change_below_a_kernel_starts_a_new_cache(tmp_path, monkeypatch):
    (tmp_path / "top.py").write_text("from lunaredge.kernels.middle import f\n")
    (tmp_path / "middle.py").write_text("from lunaredge.kernels.low import g\n")
    (tmp_path / "low.py").write_text("A = 1\n")
    monkeypatch.setattr(jit, "_FOLDER", tmp_path)

    before = fresh(jit.digest_below)("top")
    (tmp_path / "low.py").write_text("A = 2\n")
    after = fresh(jit.digest_below)("top")

    assert fresh(jit.files_below)("top") == ("low", "middle")
    assert before != after
    assert fresh(jit.digest_below)("low") == ""


def fresh(cached):
    jit.files_below.cache_clear()
    cached.cache_clear()
    return cached


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_compiled_code_has_one_decorator(path):
    assert "numba" not in {
        alias.name
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Import)
        for alias in node.names
    }
