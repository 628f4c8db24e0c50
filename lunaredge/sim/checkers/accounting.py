"""I4 accounting: every upload is archived exactly once, or counted as dropped by a stated policy.

Alarms, events and task states are written ahead and never dropped. Of the other classes, what a
killed process held in memory alone may be missing; nothing else may. A disk that spoilt a record
after it was kept broke the promise too, and is told apart from one that never came. What only a
scheduler's lost disk had may be missing as well, and no more. What the scheduler keeps of alarms,
events and task reports, Earth keeps too in the end.
"""

from collections.abc import Iterator
from typing import NamedTuple

from lunaredge.ids import BootId, NodeId
from lunaredge.sim.checkers.checker import BaseChecker
from lunaredge.sim.checkers.evidence import (
    Archived,
    Damaged,
    Died,
    Evidence,
    Forgotten,
    Kept,
    Offered,
    Rotted,
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
        self.forgotten: set[int] = set()
        """Numbers that may be archived again or never, since the disk that had them is gone."""
        self.rotted: set[int] = set()
        """Numbers that were spoilt on their node's disk on purpose."""
        self.died = False


class AccountingChecker(BaseChecker):
    """Keeps the books of every (node, boot, class), from the first sending to the archive."""

    name = "I4"
    sees = (Offered, Spooled, Archived, Damaged, Kept, Died, Forgotten, Rotted)

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
        self._of_node: dict[NodeId, list[_Account]] = {}
        """The accounts of each node's living processes."""
        self._relayed: dict[tuple[NodeId, int], int] = {}
        """How many times the scheduler keeps a record more often than Earth does."""
        self._relays_forgotten: dict[tuple[NodeId, int], int] = {}
        """How many times Earth may have a record that no disk of the site has any more."""

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
            case Rotted():
                numbers = range(evidence.first_seq, evidence.seq + 1)
                self._account(evidence).rotted.update(numbers)
            case Kept():
                self._kept(evidence)
            case Forgotten():
                self._forgotten(evidence)
            case Died():
                for account in self._of_node.pop(evidence.node, []):
                    account.died = True
            case _:
                pass

    def finish(self, now_ns: int) -> None:
        """Check that nothing is left over."""
        for stream, account in self._accounts.items():
            for seq in sorted(account.offered):
                self._settle(now_ns, stream, account, seq)
        for (node, key), more in self._relayed.items():
            text = f"record {key:08x} of {node} is on Earth {-more} times more than at the site"
            least = -self._relays_forgotten.get((node, key), 0)
            self._check(least <= more <= 0, now_ns, text)

    def missing(self) -> int:
        """Count what is not archived yet, or not on Earth, and still could be."""
        more_count = sum(more for more in self._relayed.values() if more > 0)
        return more_count + sum(1 for _ in self._unarchived())

    @property
    def complete(self) -> bool:
        """Whether nothing is missing; asked every second, so it stops at the first that is."""
        if any(more > 0 for more in self._relayed.values()):
            return False
        return next(self._unarchived(), None) is None

    def _unarchived(self) -> Iterator[int]:
        """Give what is not archived yet and still could be, of the newest streams first."""
        for stream, account in reversed(self._accounts.items()):
            for seq in account.offered.keys() - account.archived.keys():
                if not _forgivable(stream, account, seq):
                    yield seq

    def _account(self, upload: Offered | Spooled | Archived | Damaged | Rotted) -> _Account:
        stream = _Stream(upload.node, upload.boot, upload.record_class)
        account = self._accounts.get(stream)
        if account is None:
            account = self._accounts[stream] = _Account()
            self._of_node.setdefault(upload.node, []).append(account)
        return account

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

    def _forgotten(self, forgotten: Forgotten) -> None:
        for upload in forgotten.uploads:
            stream = _Stream(upload.node, upload.boot, upload.record_class)
            account = self._accounts.setdefault(stream, _Account())
            for seq in range(upload.first_seq, upload.seq + 1):
                account.archived.pop(seq, None)
                account.forgotten.add(seq)
        for record in forgotten.relayed:
            self._relays_forgotten[record] = self._relays_forgotten.get(record, 0) + 1
        for record in forgotten.kept:
            self._relayed[record] = self._relayed.get(record, 0) - 1

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
    """Tell whether a lost disk or a killed process may have taken it along.

    A process takes what was never on disk and never precious; and what was spoilt on its disk on
    purpose.
    """
    if seq in account.forgotten:
        return True
    if seq in account.rotted:
        return account.died
    return account.died and stream.record_class not in PRECIOUS and seq not in account.spooled
