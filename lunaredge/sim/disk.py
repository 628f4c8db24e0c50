"""A node's disk: rows and an archive, durable at commit and not before.

Transactions are atomic, as in the real store. A crash loses what was not committed; whether the
one in flight got through is drawn, since the dying process can't know either.
"""

from collections.abc import Sequence

import msgspec

from lunaredge.node import Archive, Erase, Keep, Persist, Row

StorageEffect = Persist | Erase | Archive | Keep


class Disk:
    """One node's store; it outlives the node's processes."""

    def __init__(self) -> None:
        self.archive: list[Archive] = []
        self.kept: list[Keep] = []
        """Entries of the telemetry archive."""
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
                case Keep():
                    self.kept.append(effect)

    def copy(self) -> "Disk":
        """Give an image of the disk as it is now."""
        image = Disk()
        image.archive, image.kept = list(self.archive), list(self.kept)
        image.commits, image.boots = self.commits, self.boots
        image._scopes = {key: dict(scope) for key, scope in self._scopes.items()}
        return image

    def spoil(self, row: Row) -> None:
        """Damage a row: its checksum fails, so that it is read without its value."""
        self._scopes[(row.table, row.scope)][row.number] = None

    def rows(self) -> list[Row]:
        """Give every row, in order of (table, scope, number), then what is kept."""
        rows = [
            _row(table, scope, number, value)
            for (table, scope), numbers in sorted(self._scopes.items())
            for number, value in sorted(numbers.items())
        ]
        return rows + [_kept_row(keep) for keep in self.kept]

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


def _kept_row(keep: Keep) -> Row:
    told = (keep.first_seq, keep.last_seq, keep.kind, keep.count, keep.reason)
    value = msgspec.msgpack.encode(told)
    scope = f"{keep.node}/{keep.boot}/{keep.record_class.value}"
    return Row("kept", scope, keep.last_seq, value)
