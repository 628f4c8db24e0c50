"""The scribe: writes a node's messages as frames. Numbers them, dates them, signs them.

For the nodes of the data centre and of Earth, whose own clock is site time; an agent only estimates
that, and has its `lunaredge.agent.outlet`.
"""

from lunaredge.ids import BootId, NodeId
from lunaredge.wire import topics
from lunaredge.wire.codec import Header, encode
from lunaredge.wire.messages import Message
from lunaredge.wire.seal import Signer


class Scribe:
    """One node's hand, for one life."""

    def __init__(self, node: NodeId, boot: BootId, signer: Signer) -> None:
        self._node = node
        self._boot = boot
        self._signer = signer
        self._number = 0

    def frame(
        self,
        body: Message,
        now_ns: int,
        *,
        to: NodeId = topics.EVERYBODY,
        epoch: int = 0,
        expiry_ns: int = 0,
    ) -> bytes:
        """Give a message's signed bytes."""
        self._number += 1
        header = Header(
            node=self._node,
            boot=self._boot,
            number=self._number,
            to=to,
            local_ns=now_ns,
            site_ns=now_ns,
            clock_error_ns=0,
            epoch=epoch,
            expiry_ns=expiry_ns,
        )
        return encode(header, body, self._signer)
