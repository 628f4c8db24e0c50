"""What a decoder raises for bytes that are not a message. Every decoder of the wire catches these.

It does not say what becomes of such bytes: each caller raises `RemoteProtocolError` itself.
"""

import msgspec

# RecursionError: a field that nobody asked for is skipped level by level, so 5 kB of nested arrays
# from anyone at all would otherwise end the process.
MALFORMED = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
