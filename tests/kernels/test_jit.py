"""The rules that keep numba's cache true."""

import ast
import errno
import fcntl
import importlib.util
import os
import threading
from functools import cache
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


@cache
def types_of(source):
    """Give the types that a module has a name for, its own and imported ones."""
    found = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.ImportFrom) and node.module.startswith("lunaredge.kernels."):
            theirs = types_of((FOLDER / f"{node.module.split('.')[-1]}.py").read_text())
            # Also what the imported ones are made of.
            found |= theirs
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            found[node.targets[0].id] = node.value
        if isinstance(node, ast.ClassDef) and list(map(ast.unparse, node.bases)) == ["NamedTuple"]:
            fields = [field.annotation for field in node.body if isinstance(field, ast.AnnAssign)]
            text = f"tuple[{', '.join(map(ast.unparse, fields))}]"
            found[node.name] = ast.parse(text, mode="eval").body
    return found


def gives_numbers(returned, types):
    """Tell whether an annotation is of numbers only, or of nothing."""
    if isinstance(returned, ast.Name) and returned.id in types:
        return gives_numbers(types[returned.id], types)
    if isinstance(returned, ast.Subscript) and ast.unparse(returned.value) == "tuple":
        ones = returned.slice.elts if isinstance(returned.slice, ast.Tuple) else [returned.slice]
        return all(gives_numbers(one, types) for one in ones)
    return returned is not None and ast.unparse(returned) in NUMBERS


def giving_more(source):
    """Name a module's compiled functions that hand back more than numbers."""
    return {
        node.name
        for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef) and compiled_by(node)
        if not gives_numbers(node.returns, types_of(source))
    }


def compiled_by(function):
    return {"kernel", "inner"} & set(map(ast.unparse, function.decorator_list))


NUMBERS = {"None", "bool", "int", "float", "np.float32", "np.int64", "np.uint64"}
GIVING_MORE = set().union(*(giving_more(path.read_text()) for path in MODULES))


def unsafe_inner(source):
    """Name the functions made by `inner` that hand back, or are handed, more than numbers."""
    giving = GIVING_MORE | giving_more(source)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef) and "inner" in map(ast.unparse, node.decorator_list):
            is_plain = gives_numbers(node.returns, types_of(source))
            if not is_plain or names_from_outside(node) & giving:
                yield node.name


def names_from_outside(tree):
    """Give the names that are read and never bound: any mention, since a call may come later."""
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    bound = {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    bound |= {node.id for node in names if not isinstance(node.ctx, ast.Load)}
    return {node.id for node in names} - bound


def hidden_inner(source):
    """Give the lines where `inner`, or a compiled function, goes by a name that no rule sees."""
    tree = ast.parse(source)
    plain = {id(one) for node in ast.walk(tree) for one in getattr(node, "decorator_list", [])}
    is_ours = "inner" in names_from_outside(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id == "inner" and is_ours and id(node) not in plain:
            yield node.lineno
        if isinstance(node, ast.Attribute) and node.attr == "inner":
            yield node.lineno
        if isinstance(node, ast.ImportFrom):
            renamed = {alias.name for alias in node.names if alias.asname}
            yield from (node.lineno for _ in renamed & {"inner", *GIVING_MORE})


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_what_counts_no_references_says_so_where_the_rule_sees_it(path):
    assert list(hidden_inner(path.read_text())) == []


@pytest.mark.parametrize(
    "source",
    [
        "f = inner(g)",
        "@jit.inner\ndef f(a): ...",
        "from lunaredge.kernels.jit import inner as quick",
        "from lunaredge.kernels.gridheap import heap_for as plain",
    ],
)
def test_the_rule_would_find_what_counts_no_references_in_secret(source):
    assert list(hidden_inner(source))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_what_counts_no_references_hands_back_and_is_handed_numbers(path):
    assert list(unsafe_inner(path.read_text())) == []


@pytest.mark.parametrize(
    "source",
    [
        "def f(a) -> Floats:\n    return a",
        "def f(a) -> tuple[int, Ints]:\n    return 1, a",
        "def f(a) -> Queue:\n    return Queue(a)",
        "def f(a) -> Pair: ...\nclass Pair(NamedTuple):\n    one: int\n    other: Ints",
        "def f(a):\n    return a",
        "def f(a) -> float:\n    return work_space()[0]",
        "def f(a) -> float:\n    make = work_space\n    return make()[0]",
        "def f(a) -> float:\n    return made()[0]\n@kernel\ndef made() -> Floats: ...",
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


def test_a_cache_in_which_no_lock_can_be_made_is_read_all_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "cache"))
    kernel_anew(tmp_path)(1.5)
    [lock] = (tmp_path / "cache").rglob("lock")
    lock.unlink()
    lock.mkdir()

    later = kernel_anew(tmp_path)

    assert later(2.5) == 5.0
    assert later.stats.cache_misses == {}


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.ENOSYS])
def test_a_disk_that_knows_no_locks_keeps_compiled_code_without(code, tmp_path, monkeypatch):
    def flock(lock, how):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(fcntl, "flock", flock)

    first, later = kernel_anew(tmp_path), kernel_anew(tmp_path)

    assert first(1.5) == 3.0
    assert later(2.5) == 5.0
    assert later.stats.cache_misses == {}


def is_free(folder, how):
    """Tell whether another process would get this lock at once."""
    lock = os.open(folder / "lock", os.O_RDONLY)
    try:
        fcntl.flock(lock, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    else:
        return True
    finally:
        os.close(lock)


def test_a_process_forked_under_the_lock_does_not_keep_it(tmp_path, monkeypatch):
    flock, copies = fcntl.flock, []

    def forked(lock, how):
        flock(lock, how)
        if how == fcntl.LOCK_EX:
            # What a forked process has: the same open file by another number.
            copies.append(os.dup(lock))

    monkeypatch.setattr(fcntl, "flock", forked)
    with jit._locked(str(tmp_path), fcntl.LOCK_EX):
        monkeypatch.undo()
        was_free = is_free(tmp_path, fcntl.LOCK_EX)

    is_free_now = is_free(tmp_path, fcntl.LOCK_EX)

    os.close(*copies)
    assert not was_free
    assert is_free_now


def test_nobody_writes_while_compiled_code_is_read_but_others_read(tmp_path, monkeypatch):
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "cache"))
    kernel_anew(tmp_path)(1.5)
    later = kernel_anew(tmp_path)
    index, free = later._cache._cache_file, []
    load, folder = index.load, Path(later._cache.cache_path)

    def load_and_look(key):
        free.append((is_free(folder, fcntl.LOCK_EX), is_free(folder, fcntl.LOCK_SH)))
        return load(key)

    monkeypatch.setattr(index, "load", load_and_look)

    assert later(2.5) == 5.0
    assert free == [(False, True)]


def test_a_named_folder_that_can_not_be_written_to_is_passed_over(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "file" / "cache"))
    monkeypatch.setattr(jit, "_FOLDER", tmp_path / "package")

    doubled = kernel_anew(tmp_path)

    assert doubled(1.5) == 3.0
    assert list((tmp_path / "package" / "__pycache__").rglob("*.nbc"))


def test_a_full_disk_costs_the_kept_code_but_never_gives_older_code(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "cache"))
    assert kernel_anew(tmp_path)(1.5) == 3.0
    (tmp_path / "anew.py").write_text(KERNEL.replace("x + x", "x + x + x"))
    tripled = kernel_anew(tmp_path)
    monkeypatch.setattr(tripled._cache._cache_file, "_save_data", full)

    here = tripled(1.5)
    later = kernel_anew(tmp_path)(1.5)

    assert (here, later) == (4.5, 4.5)


def test_kept_code_that_can_not_be_read_is_compiled_again(tmp_path, monkeypatch):
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "cache"))
    kernel_anew(tmp_path)(1.5)
    [index] = (tmp_path / "cache").rglob("*.nbi")
    index.unlink()
    index.mkdir()

    assert kernel_anew(tmp_path)(2.5) == 5.0
