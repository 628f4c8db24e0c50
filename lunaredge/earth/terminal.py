"""One end of the link: what comes in is checked, what goes out is signed and paced.

Owns the line and the far end's role. What parts mean is the nodes' business.
"""

from lunaredge.earth.line import Line
from lunaredge.errors import RemoteProtocolError
from lunaredge.ids import BootId, SiteId
from lunaredge.node import Transmit
from lunaredge.wire.link import (
    Datagram,
    LinkHeader,
    Part,
    decode_datagram,
    encode_datagram,
    parts_room_bytes,
)
from lunaredge.wire.seal import Keyring, Role, Signer

# Datagrams a node hands out in one go, 300 kB: at the fastest presets a second's worth would be
# tens of thousands, and everything else would wait for it.
AT_ONCE_MAX = 256


class Terminal:
    """The link as one end sees it."""

    def __init__(
        self, site: SiteId, line: Line, signer: Signer, keyring: Keyring, far_role: Role
    ) -> None:
        self.line = line
        self._site = site
        self._signer = signer
        self._keyring = keyring
        self._far_role = far_role
        # Numbers are at their longest in a header of the largest numbers.
        self._room_bytes = parts_room_bytes(self._header(BootId(2**63 - 1), 2**63 - 1))

    def open(self, payload: bytes, now_ns: int) -> Datagram:
        """Check a datagram; the far end was heard if it is sound.

        Raises:
            RemoteProtocolError: as `decode_datagram`, or reason ``role``: an enrolled key, but not
                one of the far end (a datagram that was reflected, for one).
        """
        datagram = decode_datagram(payload, self._site, self._keyring)
        if datagram.role is not self._far_role:
            raise RemoteProtocolError("role", datagram.header.key)
        self.line.hear(now_ns)
        return datagram

    @property
    def room_bytes(self) -> int:
        """How many bytes of parts a datagram takes."""
        return self._room_bytes

    def send(self, parts: tuple[Part, ...], era: BootId, now_ns: int) -> Transmit:
        """Give the datagram of these parts, and count it against the line."""
        payload = encode_datagram(self._header(era, now_ns), parts, self._signer)
        self.line.charge(len(payload), now_ns)
        return Transmit(payload)

    def _header(self, era: BootId, now_ns: int) -> LinkHeader:
        return LinkHeader(site=self._site, key=self._signer.key_id, era=era, sent_ns=now_ns)
