"""Which simulator it is: a digest of the package's own source.

A seed is a promise only under the same source: results and replays name it.
"""

import hashlib
from functools import cache
from pathlib import Path

import lunaredge

# Enough that two never meet, and short enough to be read aloud.
DIGITS = 12


@cache
def source_digest() -> str:
    """Give a short digest of every file of Python of the package, by name and content."""
    root = Path(lunaredge.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py"), key=lambda path: path.relative_to(root).as_posix()):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(root).as_posix()} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()[:DIGITS]
