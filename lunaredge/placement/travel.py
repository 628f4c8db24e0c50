"""Travel between the places of a problem: whole seconds and joules, by kind of mover."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lunaredge.errors import ConfigError
from lunaredge.kernels.jit import Ints
from lunaredge.placement.problem import ENERGY_J_MAX, HORIZON_S_MAX, PLACES_MAX

NO_WAY = -1


@dataclass(frozen=True, slots=True, eq=False)
class Travel:
    """What it takes to go from each place to each other one.

    Times and energies that are not whole are rounded up; where there is no way both are inf.
    """

    movers: tuple[str, ...] = ()
    table: Ints = field(default_factory=lambda: np.zeros((0, 0, 0, 2), dtype=np.int64))
    """int64 (C, P, P, 2): seconds and joules by mover, from and to; -1 where there is no way."""

    @classmethod
    def of(cls, legs: Mapping[str, tuple[Sequence[Any], Sequence[Any]]]) -> "Travel":
        """Make it of seconds (P, P) and joules (P, P) for each mover.

        Raises:
            ConfigError: a matrix is not square, or of another size than the first; or a value is
                NaN, negative or too large; or only one of the two is inf.
        """
        tables = [_table(mover, *pair) for mover, pair in legs.items()]
        for mover, table in zip(legs, tables, strict=True):
            if table.shape != tables[0].shape:
                raise _refusal(
                    mover, "another size", table.shape[:2], f"give {tables[0].shape[:2]}"
                )
        if not tables:
            return cls()
        return cls(movers=tuple(legs), table=np.stack(tables))

    @property
    def place_count(self) -> int:
        """How many places there are."""
        return int(self.table.shape[1])


def _table(mover: str, times_s: Sequence[Any], energies_j: Sequence[Any]) -> Ints:
    times = _matrix(mover, "times_s", times_s, HORIZON_S_MAX)
    energies = _matrix(mover, "energies_j", energies_j, ENERGY_J_MAX)
    if times.shape != energies.shape:
        raise _refusal(
            mover, "times and energies differ in size", energies.shape, "give both alike"
        )
    torn = np.argwhere((times == NO_WAY) != (energies == NO_WAY))
    if len(torn):
        pair = tuple(map(int, torn[0]))
        raise _refusal(mover, "only one of time and energy is inf", pair, "give both or none")
    return np.stack((times, energies), axis=-1)


def _matrix(mover: str, name: str, values: Sequence[Any], largest: int) -> Ints:
    try:
        matrix = np.array(values, dtype=np.float64)
    except (TypeError, ValueError) as exc:
        raise _refusal(f"{mover}.{name}", "no matrix of numbers", values, "give (P, P)") from exc
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or len(matrix) > PLACES_MAX:
        remedy = f"give (P, P), P at most {PLACES_MAX}"
        raise _refusal(f"{mover}.{name}", "no square matrix", matrix.shape, remedy)
    bad = np.argwhere(~((matrix >= 0.0) & ((matrix <= largest) | np.isposinf(matrix))))
    if len(bad):
        i, j = map(int, bad[0])
        remedy = f"give 0 to {largest}, or inf where there is no way"
        raise _refusal(f"{mover}.{name}[{i}][{j}]", "out of range", float(matrix[i, j]), remedy)
    return np.where(np.isinf(matrix), NO_WAY, np.ceil(matrix)).astype(np.int64)


def _refusal(key: str, problem: str, value: object, remedy: str) -> ConfigError:
    return ConfigError(problem, place="travel", key=key, value=value, remedy=remedy)
