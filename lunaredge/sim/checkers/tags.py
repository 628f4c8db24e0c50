"""Tags that people hung on machines, and their words on them, as known from the wire alone.

A tag may come off by a code that its owner gave since it hangs, or by those of two others. A code
that was refused took nothing off. A tag also gives way to a newer one of its owner's, who then
gave a code to drive the machine by hand. Whoever gives a code and doesn't say for whose tag means
his own, or else the only one.
"""

from msgspec.structs import replace

from lunaredge.ids import KeyId, NodeId
from lunaredge.sim.checkers.evidence import (
    Answered,
    Evidence,
    HandWord,
    Situated,
    Tagged,
    TagWord,
    Unlocked,
)

OTHERS_MIN = 2


class Tags:
    """Tags by machine, oldest first, and who had them taken off."""

    sees = (Situated, Tagged, TagWord, HandWord, Answered, Unlocked)

    def __init__(self) -> None:
        self._hung_ns: dict[NodeId, dict[str, int]] = {}
        """When each tag was first heard of."""
        self._off: dict[tuple[NodeId, str], None] = {}
        self._words: dict[NodeId, list[TagWord]] = {}
        self._hands: list[HandWord] = []

    def is_off(self, node: NodeId, tag: str) -> bool:
        """Tell whether the scheduler has sent that a tag is off."""
        return (node, tag) in self._off

    def hung_ns(self, node: NodeId, tag: str) -> int:
        """Give when a tag was first heard of; 0 if never."""
        return self._hung_ns.get(node, {}).get(tag, 0)

    def said(self, node: NodeId, owner: str, since_ns: int) -> list[KeyId]:
        """Give who has had an owner's tag taken off since it hangs, and was not refused."""
        words = self._words.get(node, [])
        return sorted(
            {word.by for word in words if word.at_ns >= since_ns and word.whose in (owner, "")}
        )

    def may_be_off(self, node: NodeId, owner: str, since_ns: int) -> bool:
        """Tell whether enough has been said to take an owner's tag off."""
        said = self.said(node, owner, since_ns)
        return owner in said or len(said) >= OTHERS_MIN

    def gave_way(self, node: NodeId, tag: str) -> bool:
        """Tell whether a newer tag hangs there by which its owner wants to drive by hand."""
        owner, heard_of = owner_of(tag), list(self._hung_ns.get(node, {}))
        # In order: a scheduler that was kept from writing sends much in one instant.
        later = heard_of[heard_of.index(tag) + 1 :] if tag in heard_of else heard_of
        newer = any(owner_of(other) == owner and not self.is_off(node, other) for other in later)
        return newer and any((word.node, word.by) == (node, owner) for word in self._hands)

    def see(self, evidence: Evidence) -> None:
        """Take what bears on tags; pass over the rest."""
        match evidence:
            case Situated():
                for tag in evidence.locks:
                    self._hang(evidence.node, tag, evidence.at_ns)
            case Tagged():
                self._hang(evidence.node, evidence.tag, evidence.at_ns)
            case TagWord():
                self._words.setdefault(evidence.node, []).append(self._meant(evidence))
            case HandWord():
                self._hands.append(evidence)
            case Answered() if not evidence.ok:
                self._refuse(evidence)
            case Unlocked():
                self._off[(evidence.node, evidence.tag)] = None
            case _:
                pass

    def _hang(self, node: NodeId, tag: str, at_ns: int) -> None:
        self._hung_ns.setdefault(node, {}).setdefault(tag, at_ns)

    def _meant(self, word: TagWord) -> TagWord:
        """Say whose tag is meant where only the machine is named and his own hangs there."""
        tags = self._hung_ns.get(word.node, {})
        has_own = any(owner_of(tag) == word.by and not self.is_off(word.node, tag) for tag in tags)
        return replace(word, whose=word.by) if not word.whose and has_own else word

    def _refuse(self, answered: Answered) -> None:
        asking = answered.asking
        self._hands = [word for word in self._hands if word.asking != asking]
        for node, words in self._words.items():
            self._words[node] = [word for word in words if word.asking != asking]


def owner_of(tag: str) -> str:
    """Give whose tag it is: its id says so."""
    return tag.partition("/")[0]
