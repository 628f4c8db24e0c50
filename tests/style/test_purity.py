"""The cores are pure: no clock, no chance, no I/O, no order that depends on a hash.

Each rule is shown twice: it finds nothing in the cores, and it does find what it forbids.
"""

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.style.source import PACKAGE, imports_of, package_files, place, tree_of

PURE = (
    "agent",
    "scheduler",
    "archive",
    "earth",
    "machine",
    "wire",
    "paths",
    "model",
    "kernels",
    "workloads",
)
PURE_FILES = (
    "feed.py",
    "refusals.py",
    "scribe.py",
    "node.py",
    "ids.py",
    "units.py",
    "transitions.py",
    "errors.py",
    "printable.py",
)

IMPURE_MODULES = {
    "asyncio",
    "concurrent",
    "io",
    "logging",
    "multiprocessing",
    "os",
    "pathlib",
    "queue",
    "random",
    "secrets",
    "select",
    "selectors",
    "shutil",
    "signal",
    "socket",
    "sqlite3",
    "subprocess",
    "tempfile",
    "threading",
    "time",
    "uuid",
    "uvloop",
}
IMPURE_CALLS = {"open", "print", "input", "breakpoint", "exec", "eval", "hash", "id"}
# ``datetime.now`` and its like, and NumPy's own dice.
IMPURE_ATTRIBUTES = {"now", "utcnow", "today", "default_rng", "random"}
CLOCKS = {"datetime", "date", "np", "numpy"}

SETS = {"set", "frozenset"}
# What comes out of these is the same in whatever order a set is walked.
ORDERLY = {"sorted", "set", "frozenset", "len", "min", "max", "any", "all"}

Rule = Callable[[ast.Module], Iterator[tuple[ast.AST, str]]]


def impure_imports(tree: ast.Module) -> Iterator[tuple[ast.AST, str]]:
    """Give each import of a module that reaches outside."""
    for node, name in imports_of(tree):
        if name.split(".")[0] in IMPURE_MODULES:
            yield node, f"imports {name}"


def impure_calls(tree: ast.Module) -> Iterator[tuple[ast.AST, str]]:
    """Give each call that reaches outside, or whose answer differs from run to run."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name)) if name in IMPURE_CALLS:
                yield node, f"calls {name}"
            case ast.Attribute(value=ast.Name(id=owner), attr=name) if owner in CLOCKS:
                if name in IMPURE_ATTRIBUTES:
                    yield node, f"uses {owner}.{name}"


def coroutines(tree: ast.Module) -> Iterator[tuple[ast.AST, str]]:
    """Give each async function."""
    for node in ast.walk(tree):
        if isinstance(node, ast.AsyncFunctionDef):
            yield node, f"async {node.name}"


def walks_over_sets(tree: ast.Module) -> Iterator[tuple[ast.AST, str]]:
    """Give each loop whose order depends on how a set happens to lie in memory."""
    sets, excused = _set_names(tree), _excused(tree)
    for node in ast.walk(tree):
        for walked in _walked(node) if node not in excused else []:
            if _is_set(walked, sets):
                yield node, "walks over a set"


def _walked(node: ast.AST) -> list[ast.expr]:
    """Give the expressions whose order the node depends on."""
    match node:
        case ast.For():
            return [node.iter]
        case ast.ListComp() | ast.GeneratorExp() | ast.DictComp():
            return [loop.iter for loop in node.generators]
        case ast.Call(func=ast.Name(id="list" | "tuple" | "enumerate" | "iter" | "sum")):
            return node.args[:1]
    return []


RULES = [impure_imports, impure_calls, coroutines, walks_over_sets]


def pure_files() -> list[Path]:
    cores = [path for path in package_files() if path.relative_to(PACKAGE).parts[0] in PURE]
    # What runs a workload in its process is a shell; the programs are not.
    programs = [path for path in cores if path.name != "__main__.py"]
    # What compiles the kernels has to know where their cache lies; it decides nothing else.
    programs.remove(PACKAGE / "kernels" / "jit.py")
    return programs + [PACKAGE / name for name in PURE_FILES]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_cores_are_pure(rule: Rule) -> None:
    found = [
        f"{place(path, node)}: {what}"
        for path in pure_files()
        for node, what in rule(tree_of(path))
    ]

    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        (impure_imports, "import time"),
        (impure_imports, "from os.path import join"),
        (impure_imports, "def f():\n    from random import Random"),
        (impure_calls, "open('x')"),
        (impure_calls, "datetime.now(UTC)"),
        (impure_calls, "np.random.normal()"),
        (impure_calls, "hash('x')"),
        (coroutines, "async def f(): ..."),
        (walks_over_sets, "for x in {1, 2}: ..."),
        (walks_over_sets, "for x in set(y): ..."),
        (walks_over_sets, "for x in a.keys() - b: ..."),
        (walks_over_sets, "for x in a.union(b): ..."),
        (walks_over_sets, "[x for x in frozenset(y)]"),
        (walks_over_sets, "s = {1}\nfor x in s: ..."),
        (walks_over_sets, "s: set[int] = load()\nfor x in s: ..."),
        (walks_over_sets, "self.s: frozenset[int] = load()\nfor x in self.s: ..."),
        (walks_over_sets, "def f(s: set[int]):\n    for x in s: ..."),
        (walks_over_sets, "list({1, 2})"),
        (walks_over_sets, "sum(x for x in {0.1, 0.2})"),
    ],
)
def test_a_rule_finds_what_it_forbids(rule: Rule, code: str) -> None:
    assert list(rule(ast.parse(code)))


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        (impure_imports, "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import random"),
        (impure_imports, "from lunaredge.machine import time_constants"),
        (impure_calls, "self.open(door)"),
        (impure_calls, "situation.now"),
        (walks_over_sets, "for x in sorted({1, 2}): ..."),
        (walks_over_sets, "max(x for x in {1, 2})"),
        (walks_over_sets, "{x for x in {1, 2}}"),
        (walks_over_sets, "sum(1 for x in {1, 2})"),
        (walks_over_sets, "for x in (1, 2): ..."),
        (walks_over_sets, "for x in {1: 2}: ..."),
    ],
)
def test_a_rule_leaves_the_rest_alone(rule: Rule, code: str) -> None:
    assert not list(rule(ast.parse(code)))


def _name(node: ast.AST) -> str:
    return getattr(node, "attr", getattr(node, "id", ""))


def _is_set(node: ast.expr, sets: set[str]) -> bool:
    if isinstance(node, ast.Set | ast.SetComp):
        return True
    if isinstance(node, ast.Call):
        by_method = {"union", "intersection", "difference", "symmetric_difference"}
        return _name(node.func) in SETS | by_method
    if isinstance(node, ast.BinOp):
        # Nothing else that can be walked over has these operators.
        return isinstance(node.op, ast.Sub | ast.BitAnd | ast.BitOr | ast.BitXor)
    return isinstance(node, ast.Name | ast.Attribute) and _name(node) in sets


def _set_names(tree: ast.Module) -> set[str]:
    """Give the names that are bound or declared as sets anywhere in the file."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and _is_set(node.value, set()):
            names |= {_name(target) for target in node.targets}
        elif isinstance(node, ast.AnnAssign) and _declares_set(node.annotation):
            names.add(_name(node.target))
        elif isinstance(node, ast.arg) and node.annotation and _declares_set(node.annotation):
            names.add(node.arg)
    return names - {""}


def _declares_set(annotation: ast.expr) -> bool:
    kind = annotation.value if isinstance(annotation, ast.Subscript) else annotation
    return _name(kind) in SETS | {"AbstractSet", "MutableSet"}


def _excused(tree: ast.Module) -> set[ast.AST]:
    excused: set[ast.AST] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Call(args=[first]) if _name(node.func) in ORDERLY:
                excused.add(first)
            case ast.Call(args=[ast.GeneratorExp(elt=ast.Constant()) as counted]):
                excused.add(counted)
    return excused
