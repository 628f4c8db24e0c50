"""The source tree as the style tests see it: which files there are, parsed once."""

import ast
import functools
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "lunaredge"

Function = ast.FunctionDef | ast.AsyncFunctionDef

# What no one writes by hand or keeps under version control; used only where git is missing.
_IGNORED = {".git", ".venv", "build", "dist", "run", "__pycache__"}


@functools.cache
def tree_of(path: Path) -> ast.Module:
    """Give the parsed file."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


@functools.cache
def package_files() -> tuple[Path, ...]:
    """Give the Python files of the package."""
    return tuple(path for path in files() if path.suffix == ".py" and PACKAGE in path.parents)


@functools.cache
def files_of_tests() -> tuple[Path, ...]:
    """Give the Python files of the tests."""
    tests = ROOT / "tests"
    return tuple(path for path in files() if path.suffix == ".py" and tests in path.parents)


@functools.cache
def files() -> tuple[Path, ...]:
    """Give every file under version control, or about to be."""
    if shutil.which("git") and (ROOT / ".git").exists():
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True)
        paths = (ROOT / name for name in listed.stdout.split("\0") if name)
    else:
        paths = (path for path in ROOT.rglob("*") if not _IGNORED & set(path.parts))
    return tuple(sorted(path for path in set(paths) if path.is_file()))


def module_of(path: Path) -> str:
    """Give the dotted name of a file of the package."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def place(path: Path, node: ast.AST) -> str:
    """Give ``file:line`` for a message."""
    return f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 1)}"


def functions_of(tree: ast.Module) -> Iterator[Function]:
    """Give every function and method, nested ones too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def imports_of(tree: ast.Module) -> Iterator[tuple[ast.stmt, str]]:
    """Give every imported name with its dotted path, those under TYPE_CHECKING left out."""
    for node in _running(tree):
        if isinstance(node, ast.Import):
            yield from ((node, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield from ((node, f"{node.module}.{alias.name}") for alias in node.names)


def _running(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
            continue
        yield child
        yield from _running(child)
