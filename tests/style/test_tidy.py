"""The shape of the code: sizes, names, docstrings, and words that have no place in a repository."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.style.source import (
    ROOT,
    Function,
    files,
    files_of_tests,
    functions_of,
    imports_of,
    module_of,
    package_files,
    place,
    tree_of,
)

FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 500
LINE_LENGTH_MAX = 100
PARAMETERS_MAX = 6
# A tuple of arrays costs a kernel a count of references for each at each use: twice the time of a
# check, measured. So kernels take their arrays one by one.
ARRAYS_MAX = 9

VAGUE_FILES = {"utils.py", "util.py", "helpers.py", "helper.py", "misc.py", "common.py"}

# Written in two parts, so that this file does not hold what it forbids.
FORBIDDEN_TEXT = {
    "unfinished work": re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b"),
    "a package index's host": re.compile(r"pypi\." + r"org|python" + r"hosted\.org"),
    "a path of one machine": re.compile(r"(?<![\w.}])/(home|root|Users|work)/" + r"\w"),
}
SIMULATION = re.compile(r"(^|_)(sim|simulat\w*)(_|$)")

PYTHON = (*package_files(), *files_of_tests())


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_no_function_is_longer_than_a_screen() -> None:
    long = [
        f"{place(path, function)}: {function.name} has {_length(function)} lines"
        for path in PYTHON
        for function in functions_of(tree_of(path))
        if _length(function) > FUNCTION_LINES_MAX
    ]

    assert not long, "\n".join(long)


def test_no_file_is_longer_than_one_sitting() -> None:
    counts = {named(path): len(path.read_text(encoding="utf-8").splitlines()) for path in PYTHON}

    long = [f"{name}: {count} lines" for name, count in counts.items() if count > FILE_LINES_MAX]

    assert not long, "\n".join(long)


def test_no_line_is_wider_than_the_page() -> None:
    wide = [
        f"{named(path)}:{number}: {len(line)} characters"
        for path in PYTHON
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if len(line) > LINE_LENGTH_MAX
    ]

    assert not wide, "\n".join(wide)


def test_no_function_takes_more_than_six_parameters() -> None:
    many = [
        f"{place(path, function)}: {function.name} takes {_parameters(function)}"
        for path in package_files()
        for function in functions_of(tree_of(path))
        if _parameters(function) > (ARRAYS_MAX if _is_kernel(function) else PARAMETERS_MAX)
    ]

    assert not many, "\n".join(many)


def _is_kernel(function: Function) -> bool:
    return any(
        isinstance(d, ast.Name) and d.id in ("kernel", "inner") for d in function.decorator_list
    )


def test_no_file_is_called_by_what_it_does_not_say() -> None:
    vague = [named(path) for path in PYTHON if path.name in VAGUE_FILES]

    assert not vague, "\n".join(vague)


def test_every_folder_of_code_is_a_package() -> None:
    folders = {path.parent for path in package_files()}

    # What lacks an __init__.py is silently left out of the wheel.
    bare = [named(folder) for folder in sorted(folders) if not (folder / "__init__.py").exists()]
    assert not bare, "\n".join(bare)


@pytest.mark.parametrize("what", FORBIDDEN_TEXT)
def test_no_file_holds(what: str) -> None:
    found = [
        f"{named(path)}:{number}: {line.strip()[:80]}"
        for path in files()
        for number, line in enumerate(_lines(path), start=1)
        if FORBIDDEN_TEXT[what].search(line)
    ]

    assert not found, "\n".join(found)


def test_every_module_is_imported_or_an_entry_point() -> None:
    reached = {"lunaredge", "lunaredge.__main__", *_entry_points()}
    for path in package_files():
        tree = tree_of(path)
        for _, name in imports_of(tree):
            reached |= {name, name.rpartition(".")[0]} - {module_of(path)}
        reached |= _loaded_by_name(tree, module_of(path))

    dead = [module_of(path) for path in package_files() if module_of(path) not in reached]

    # A package's own __init__ is reached with any of its modules, its __main__ with the package.
    dead = [name for name in dead if not any(other.startswith(f"{name}.") for other in reached)]
    dead = [name for name in dead if name.removesuffix(".__main__") not in reached - {name}]
    assert not dead, "\n".join(dead)


def test_everything_public_says_what_it_is() -> None:
    mute = [
        f"{place(path, node)}: {getattr(node, 'name', 'the module')}"
        for path in package_files()
        for node in _public(tree_of(path))
        if not ast.get_docstring(node)
    ]

    assert not mute, "\n".join(mute)


def test_the_first_line_of_a_docstring_is_a_sentence() -> None:
    broken = [
        f"{place(path, node)}: {first}"
        for path in package_files()
        for node in _public(tree_of(path))
        for first in (ast.get_docstring(node) or ".").splitlines()[:1]
        if not first.endswith((".", ":"))
    ]

    assert not broken, "\n".join(broken)


def test_every_test_asserts_something() -> None:
    idle: list[str] = []
    for path in files_of_tests():
        local = {function.name: function for function in functions_of(tree_of(path))}
        idle += [
            f"{place(path, function)}: {name}"
            for name, function in local.items()
            if name.startswith("test_") and not _asserts(function, local)
        ]

    assert not idle, "\n".join(idle)


def test_no_code_asks_whether_it_is_simulated() -> None:
    asking = [
        f"{place(path, node)}: {name}"
        for path in package_files()
        if not module_of(path).startswith("lunaredge.sim.")  # the simulator may name itself
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.If | ast.IfExp | ast.While)
        for name in _words(node.test)
        if SIMULATION.search(name.lower())
    ]

    assert not asking, "\n".join(asking)


def _length(function: Function) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1


def _parameters(function: Function) -> int:
    given = function.args
    names = [arg.arg for arg in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
    return len([name for name in names if name not in {"self", "cls"}])


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        return []  # a picture or a terrain tile


def _entry_points() -> set[str]:
    text = (ROOT / "pyproject.toml").read_text()
    return set(re.findall(r'"(lunaredge[\w.]*):\w+"', text))


def _loaded_by_name(tree: ast.Module, module: str) -> set[str]:
    """Give the modules that a file may load by name, in full or beside itself."""
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    names = {text for text in texts if isinstance(text, str)}
    if any(name == "importlib" for _, name in imports_of(tree)):
        names |= {f"{module.rpartition('.')[0]}.{name}" for name in names}
    return {name for name in names if name.startswith("lunaredge.")}


def _public(tree: ast.Module) -> Iterator[ast.Module | ast.ClassDef | Function]:
    yield tree
    for node in tree.body:
        if not isinstance(node, ast.ClassDef | Function) or node.name.startswith("_"):
            continue
        yield node
        members = node.body if isinstance(node, ast.ClassDef) else []
        yield from (m for m in members if isinstance(m, Function) and not m.name.startswith("_"))


def _asserts(function: Function, local: dict[str, Function]) -> bool:
    """Tell whether a test, or a function of its file that it calls, can fail by its own word."""
    reached, waiting = {function.name}, [function]
    while waiting:
        current = waiting.pop()
        if any(isinstance(node, ast.Assert) for node in ast.walk(current)):
            return True
        for name in _called(current):
            if name in {"raises", "fail", "warns"} or name.startswith(("assert_", "check_")):
                return True
            if name in local and name not in reached:
                reached.add(name)
                waiting.append(local[name])
    return False


def _called(function: Function) -> Iterator[str]:
    for node in ast.walk(function):
        if isinstance(node, ast.Call):
            yield getattr(node.func, "attr", getattr(node.func, "id", ""))


def _words(test: ast.expr) -> Iterator[str]:
    for node in ast.walk(test):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
