"""I4 accounting: every upload is archived exactly once, or counted as dropped by a stated policy.

Alarms, events and task states are written ahead and never dropped. Of the other classes, what a
killed process held in memory alone may be missing; nothing else may. A disk that spoilt a record
after it was kept broke the promise too, and is told apart from one that never came. What the
scheduler keeps of alarms, events and task reports, Earth keeps too in the end.
"""

from typing import NamedTuple

from lunaredge.ids import BootId, NodeId
from lunaredge.sim.checkers.checker import BaseChecker
from lunaredge.sim.checkers.evidence import (
    Archived,
    Damaged,
    Died,
    Evidence,
    Kept,
    Offered,
    Spooled,
)
from lunaredge.wire.messages import RecordClass
from lunaredge.wire.topics import EARTH

PRECIOUS = frozenset({RecordClass.ALARM, RecordClass.EVENT, RecordClass.STATE})


class _Stream(NamedTuple):
    node: NodeId
    boot: BootId
    record_class: RecordClass


class _Account:
    """What became of one stream's numbers."""

    def __init__(self) -> None:
        self.offered: dict[int, int] = {}
        """Records inside, by sequence number."""
        self.spooled: set[int] = set()
        self.archived: dict[int, bool] = {}
        """Whether a number was dropped, by sequence number."""
        self.damaged: dict[int, NodeId] = {}
        """Whose disk has a damaged row for it, by sequence number."""
        self.died = False


class AccountingChecker(BaseChecker):
    """Keeps the books of every (node, boot, class), from the first sending to the archive."""

    name = "I4"

    def __init__(self) -> None:
        super().__init__()
        self.lost = 0
        """Records that a power loss took from memory."""
        self.damaged = 0
        """Records that no disk has whole, and one has as a damaged row."""
        self.offers_repeated = 0
        """Uploads sent more than once."""
        self.dropped_by_class: dict[str, int] = {}
        self._accounts: dict[_Stream, _Account] = {}
        self._relayed: dict[tuple[NodeId, int], int] = {}
        """How many times the scheduler keeps a record more often than Earth does."""

    @property
    def produced(self) -> int:
        """Records sent at least once."""
        return sum(sum(account.offered.values()) for account in self._accounts.values())

    @property
    def archived(self) -> int:
        """Of these, records archived whole."""
        return sum(
            account.offered.get(seq, 0)
            for account in self._accounts.values()
            for seq, dropped in account.archived.items()
            if not dropped
        )

    def see(self, evidence: Evidence) -> None:
        """Take one piece of evidence, in order of time."""
        match evidence:
            case Offered():
                self._offered(evidence)
            case Spooled():
                account = self._account(evidence)
                account.spooled.update(range(evidence.first_seq, evidence.seq + 1))
                account.offered.setdefault(evidence.seq, evidence.count)
            case Archived():
                self._archived(evidence)
            case Damaged():
                self._account(evidence).damaged[evidence.seq] = evidence.store
            case Kept():
                self._kept(evidence)
            case Died():
                for stream, account in self._accounts.items():
                    account.died = account.died or stream.node == evidence.node
            case _:
                pass

    def finish(self, now_ns: int) -> None:
        """Check that nothing is left over."""
        for stream, account in self._accounts.items():
            for seq in sorted(account.offered):
                self._settle(now_ns, stream, account, seq)
        for (node, key), more in self._relayed.items():
            text = f"record {key:08x} of {node} is on Earth {-more} times more than at the site"
            self._check(more == 0, now_ns, text)

    def missing(self) -> int:
        """Count what is not archived yet, or not on Earth, and still could be."""
        return sum(self._relayed.values()) + sum(
            1
            for stream, account in self._accounts.items()
            for seq in account.offered
            if seq not in account.archived and not _forgivable(stream, account, seq)
        )

    def _account(self, upload: Offered | Spooled | Archived | Damaged) -> _Account:
        stream = _Stream(upload.node, upload.boot, upload.record_class)
        return self._accounts.setdefault(stream, _Account())

    def _offered(self, offered: Offered) -> None:
        account = self._account(offered)
        known = account.offered.get(offered.seq)
        if known is not None:
            self.offers_repeated += 1
        account.offered[offered.seq] = offered.count
        may_drop = offered.record_class not in PRECIOUS
        name = f"{offered.node} {offered.record_class.value} {offered.seq}"
        self._check(may_drop or not offered.dropped, offered.at_ns, f"{name} was dropped")

    def _archived(self, archived: Archived) -> None:
        account = self._account(archived)
        name = f"{archived.node} {archived.record_class.value}"
        for seq in range(archived.first_seq, archived.seq + 1):
            twice = seq in account.archived
            self._check(not twice, archived.at_ns, f"{name} {seq} was archived twice")
            account.archived[seq] = archived.dropped
        if archived.dropped:
            kind = archived.record_class.value
            self.dropped_by_class[kind] = self.dropped_by_class.get(kind, 0) + archived.count
            precious = archived.record_class in PRECIOUS
            self._check(not precious, archived.at_ns, f"{name} {archived.seq} archived as dropped")

    def _kept(self, kept: Kept) -> None:
        record = (kept.node, kept.key)
        change = -1 if kept.store == EARTH else 1
        self._relayed[record] = self._relayed.get(record, 0) + change

    def _settle(self, now_ns: int, stream: _Stream, account: _Account, seq: int) -> None:
        self.checked += 1
        if seq in account.archived:
            return
        name = f"{stream.node} {stream.record_class.value} {seq} of boot {stream.boot}"
        if seq in account.damaged:
            self.damaged += account.offered[seq]
            self._break(now_ns, f"{name} is damaged on the disk of {account.damaged[seq]}")
        elif _forgivable(stream, account, seq):
            self.lost += account.offered[seq]
        else:
            self._break(now_ns, f"{name} was sent and never archived")


def _forgivable(stream: _Stream, account: _Account, seq: int) -> bool:
    """Tell whether a killed process may have taken it along: never on disk, never precious."""
    return account.died and stream.record_class not in PRECIOUS and seq not in account.spooled
