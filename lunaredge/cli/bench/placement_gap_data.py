"""Instances of the generalised assignment problem: drawn by the classes' rules, or read from files.

Classes C and D are those of Chu and Beasley, "A genetic algorithm for the generalised assignment
problem", 1997; class E is that of Laguna et al., "Tabu search for the multilevel generalized
assignment problem", 1995. A file holds the numbers of nodes and tasks, costs and usages node by
node, and capacities; ``best_known.csv`` beside it has the best known cost.
"""

import csv
from pathlib import Path

import msgspec
import numpy as np

from lunaredge.errors import ConfigError
from lunaredge.kernels.jit import Ints

SEED = 1
SIZES = ((100, 5), (100, 20), (200, 10), (400, 20), (1600, 80))
CLASSES = "CDE"
BEST_KNOWN = "best_known.csv"
# Between an instance and the seconds that a contender gets for it.
BUDGET = " in "
_NAME, _VALUE = "Path", "Best known solution value"


class Instance(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be assigned."""

    name: str
    costs: Ints
    """int64 (N, T)"""
    usages: Ints
    """int64 (N, T)"""
    capacities: Ints
    """int64 (N,)"""
    best_known: int | None = None


def instances(folder: str | None) -> list[Instance]:
    """Give the instances of a folder, or drawn ones.

    Raises:
        ConfigError: a file is missing, or isn't what it should be.
    """
    if folder is not None:
        return read_instances(Path(folder))
    return [drawn(kind, *size) for size in SIZES for kind in CLASSES]


def drawn(kind: str, task_count: int, node_count: int) -> Instance:
    """Draw an instance of class C, D or E."""
    rng = np.random.default_rng([SEED, ord(kind), task_count, node_count])
    shape = (node_count, task_count)
    if kind == "C":
        costs, usages = rng.integers(10, 51, shape), rng.integers(5, 26, shape)
    elif kind == "D":
        usages = rng.integers(1, 101, shape)
        costs = 111 - usages + rng.integers(-10, 11, shape)
    else:
        # 1 less the drawn number is above 0, as the logarithm needs it.
        usages = np.floor(1.0 - 10.0 * np.log(1.0 - rng.random(shape))).astype(np.int64)
        costs = np.floor(1000.0 / usages - 10.0 * rng.random(shape)).astype(np.int64)
    return Instance(
        name=f"{kind} {task_count} x {node_count}",
        costs=costs,
        usages=usages,
        capacities=usages.sum(axis=1) * 8 // (10 * node_count),
    )


def read_instances(folder: Path) -> list[Instance]:
    """Read the instances that a folder's list of best known costs names.

    Raises:
        ConfigError: a file is missing, or isn't what it should be.
    """
    listed = _read(folder / BEST_KNOWN)
    rows = list(csv.DictReader(listed.splitlines()))
    if not rows or not {_NAME, _VALUE} <= rows[0].keys():
        remedy = f"give a table with columns {_NAME} and {_VALUE}"
        raise _wrong(folder / BEST_KNOWN, "line 1", listed[:40], remedy)
    found = []
    for number, row in enumerate(rows, start=2):
        value = row[_VALUE] or ""
        if not value.strip().lstrip("-").isdecimal():
            remedy = "give a whole number"
            raise _wrong(folder / BEST_KNOWN, f"line {number}, {_VALUE}", value, remedy)
        found.append(read_instance(folder / Path(row[_NAME]).name, int(value)))
    return found


def read_instance(path: Path, best_known: int | None) -> Instance:
    """Read one file.

    Raises:
        ConfigError: it can't be read, or has other numbers than it should.
    """
    numbers: list[int] = []
    for line, text in enumerate(_read(path).splitlines(), start=1):
        for word in text.split():
            if not word.lstrip("-").isdecimal():
                raise _wrong(path, f"line {line}", word, "give whole numbers")
            numbers.append(int(word))
    if len(numbers) < 2 or min(numbers[:2]) < 1:
        raise _wrong(path, "line 1", numbers[:2], "begin with the numbers of nodes and tasks")
    node_count, task_count = numbers[:2]
    pairs = node_count * task_count
    wanted = 2 + 2 * pairs + node_count
    if len(numbers) != wanted:
        remedy = f"give {wanted}: 2, twice {node_count} x {task_count}, and {node_count}"
        raise _wrong(path, "count of numbers", len(numbers), remedy)
    values = np.array(numbers[2:], dtype=np.int64)
    return Instance(
        name=path.name,
        costs=values[:pairs].reshape(node_count, task_count),
        usages=values[pairs : 2 * pairs].reshape(node_count, task_count),
        capacities=values[2 * pairs :],
        best_known=best_known,
    )


def cost_of(instance: Instance, nodes: list[int]) -> int | None:
    """Check a plan, task by task; give its cost; None: a task is left out, or a node too full."""
    node_count, task_count = instance.costs.shape
    left = instance.capacities.tolist()
    cost = 0
    if len(nodes) != task_count:
        return None
    for task, node in enumerate(nodes):
        if not 0 <= node < node_count:
            return None
        left[node] -= int(instance.usages[node, task])
        cost += int(instance.costs[node, task])
    return cost if min(left) >= 0 else None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        remedy = f"give a folder with {BEST_KNOWN} and the files it names"
        raise _wrong(path, "file", path.name, remedy) from exc


def _wrong(path: Path, key: str, value: object, remedy: str) -> ConfigError:
    return ConfigError(
        "not an instance of generalised assignment",
        place=str(path),
        key=key,
        value=value,
        remedy=remedy,
    )
