"""Typed identifiers, and the one rule for what a name may look like.

Names become MQTT topic levels, file names and command-line words, so they are plain: lower-case
letters, digits and hyphens, at most 40 characters.
"""

import re
from typing import NewType

SiteId = NewType("SiteId", str)
NodeId = NewType("NodeId", str)
TaskId = NewType("TaskId", str)
OrderId = NewType("OrderId", str)
AuthorityId = NewType("AuthorityId", str)
CommandId = NewType("CommandId", str)
ClientId = NewType("ClientId", str)
KeyId = NewType("KeyId", str)
BootId = NewType("BootId", int)

NAME_LENGTH_MAX = 40
NAME_RULE = (
    f"1 to {NAME_LENGTH_MAX} lower-case letters, digits and hyphens, no hyphen at either end"
)
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")

# Topic levels that are not machines or computers; no node may take one of these names.
RESERVED_NAMES = frozenset(
    {"all", "archive", "scheduler", "gateway", "earth", "operator", "view", "machines"}
)


def is_name(text: str) -> bool:
    """Tell whether the text can name a site, a node, a task, a zone or an order."""
    return len(text) <= NAME_LENGTH_MAX and _NAME.fullmatch(text) is not None
