"""The rules that keep numba's cache true."""

import ast
import importlib.util
import threading
from pathlib import Path

import numba
import numpy as np
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


def annotations():
    """Give what every compiled function says that it hands back, and every alias of a type."""
    said, aliases = {}, {}
    for path in MODULES:
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef) and compiled_by(node):
                said[node.name] = node.returns
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                aliases[node.targets[0].id] = node.value
    return said, aliases


def compiled_by(function):
    return {"kernel", "inner"} & set(map(ast.unparse, function.decorator_list))


SAID, ALIASES = annotations()


NUMBERS = {"None", "bool", "int", "float", "np.float32", "np.int64", "np.uint64"}


def gives_numbers(returned):
    """Tell whether an annotation is of numbers only, or of nothing."""
    if isinstance(returned, ast.Name) and returned.id in ALIASES:
        return gives_numbers(ALIASES[returned.id])
    if isinstance(returned, ast.Subscript) and ast.unparse(returned.value) == "tuple":
        ones = returned.slice.elts if isinstance(returned.slice, ast.Tuple) else [returned.slice]
        return all(map(gives_numbers, ones))
    return returned is not None and ast.unparse(returned) in NUMBERS


def unsafe_inner(source):
    """Name the functions made by `inner` that hand back, or are handed, more than numbers."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef) and "inner" in map(ast.unparse, node.decorator_list):
            calls = {ast.unparse(c.func) for c in ast.walk(node) if isinstance(c, ast.Call)}
            handed = [node.returns, *(SAID[name] for name in calls & set(SAID))]
            if not all(map(gives_numbers, handed)):
                yield node.name


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_what_counts_no_references_hands_back_and_is_handed_numbers(path):
    assert list(unsafe_inner(path.read_text())) == []


@pytest.mark.parametrize(
    "source",
    [
        "def f(a) -> Floats:\n    return a",
        "def f(a) -> tuple[int, Ints]:\n    return 1, a",
        "def f(a) -> Queue:\n    return Queue(a)",
        "def f(a):\n    return a",
        "def f(a) -> float:\n    return work_space()[0]",
    ],
)
def test_the_rule_would_find_an_array_that_is_handed_on(source):
    assert list(unsafe_inner(f"@inner\n{source}")) == ["f"]


def test_what_counts_no_references_can_not_make_an_array():
    @jit.inner
    def zeros(count: int) -> float:
        return np.zeros(count)[0]

    with pytest.raises(numba.core.errors.NumbaError, match="returning of array"):
        zeros(3)


KERNEL = """
from lunaredge.kernels.jit import kernel

@kernel
def doubled(x):
    return x + x
"""


def kernel_anew(folder):
    """Import a kernel as another process would: with no compiled code in memory."""
    path = folder / "anew.py"
    if not path.exists():
        path.write_text(KERNEL)
    spec = importlib.util.spec_from_file_location("anew", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.doubled


def test_two_that_compile_at_once_for_different_types_keep_both(tmp_path, monkeypatch):
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "cache"))
    first, second = kernel_anew(tmp_path), kernel_anew(tmp_path)
    index = first._cache._cache_file
    rival = threading.Thread(target=second, args=(1.5,))
    load_index, is_saving = index._load_index, []

    def load_while_the_rival_saves():
        overloads = load_index()
        if is_saving:
            rival.start()
            # With the lock the rival waits for us, so here its time runs out.
            rival.join(timeout=2.0)
        return overloads

    monkeypatch.setattr(index, "_load_index", load_while_the_rival_saves)
    first._cache.disable()
    first(np.zeros(1))
    [(types, compiled)] = first.overloads.items()
    first._cache.enable()
    is_saving.append(True)

    first._cache.save_overload(types, compiled)
    rival.join()
    later = kernel_anew(tmp_path)

    assert later(2.5) == 5.0
    assert later(np.array([3.0])).tolist() == [6.0]
    assert later.stats.cache_misses == {}


def test_a_cache_that_nobody_may_write_to_is_read_all_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "cache"))
    kernel_anew(tmp_path)(1.5)
    [lock] = (tmp_path / "cache").rglob("lock")
    lock.unlink()
    lock.mkdir()

    later = kernel_anew(tmp_path)

    assert later(2.5) == 5.0
    assert later.stats.cache_misses == {}
