"""A node's disk: rows and an archive, durable at commit and not before.

Transactions are atomic, as in the real store. A crash loses what was not committed; whether the
one in flight got through is drawn, since the dying process can't know either.
"""

from collections.abc import Sequence

from lunaredge.node import Archive, Erase, Persist, Row

StorageEffect = Persist | Erase | Archive


class Disk:
    """One node's store; it outlives the node's processes."""

    def __init__(self) -> None:
        self.archive: list[Archive] = []
        self.commits = 0
        self.boots = 0
        """Lives begun on this disk."""
        self._scopes: dict[tuple[str, str], dict[int, bytes | None]] = {}
        """Values by number; None where a row is damaged."""

    def commit(self, effects: Sequence[StorageEffect]) -> None:
        """Carry out a transaction."""
        self.commits += 1
        for effect in effects:
            match effect:
                case Persist():
                    scope = self._scopes.setdefault((effect.table, effect.scope), {})
                    scope[effect.number] = effect.value
                case Erase():
                    scope = self._scopes.get((effect.table, effect.scope), {})
                    for number in [n for n in scope if effect.first <= n <= effect.through]:
                        del scope[number]
                case Archive():
                    self.archive.append(effect)

    def copy(self) -> "Disk":
        """Give an image of the disk as it is now."""
        image = Disk()
        image.archive = list(self.archive)
        image.commits, image.boots = self.commits, self.boots
        image._scopes = {key: dict(scope) for key, scope in self._scopes.items()}
        return image

    def spoil(self, row: Row) -> None:
        """Damage a row: its checksum fails, so that it is read without its value."""
        self._scopes[(row.table, row.scope)][row.number] = None

    def rows(self) -> list[Row]:
        """Give every row, in order of (table, scope, number)."""
        return [
            _row(table, scope, number, value)
            for (table, scope), numbers in sorted(self._scopes.items())
            for number, value in sorted(numbers.items())
        ]

    def rows_above(self, tables: Sequence[str], number: int) -> list[Row]:
        """Give the rows of some tables above that number, in the same order."""
        return [
            _row(table, scope, numbered, value)
            for (table, scope), numbers in sorted(self._scopes.items())
            if table in tables
            for numbered, value in sorted(numbers.items())
            if numbered > number
        ]


def _row(table: str, scope: str, number: int, value: bytes | None) -> Row:
    if value is None:
        return Row(table, scope, number, b"", is_whole=False)
    return Row(table, scope, number, value)
