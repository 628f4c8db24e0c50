"""Evidence from what people ask of the scheduler: the words by which they take a safeguard away.

Only a request with a code is one; whether it was taken, the answer tells.
"""

from lunaredge.ids import ClientId, KeyId
from lunaredge.sim.checkers import evidence as seen
from lunaredge.wire import messages, safeguards


def word_of(
    client: ClientId, by: KeyId, body: messages.Message, at_ns: int
) -> seen.Evidence | None:
    """Give what a request says; None for one that takes no safeguard away."""
    match body:
        case safeguards.LockOutRequest() if body.code and (body.outline or body.radius_m):
            asking = seen.Asking(client, body.request)
            return seen.HandWord(at_ns=at_ns, node=body.node, by=by, asking=asking)
        case safeguards.UnlockRequest() if body.code:
            asking = seen.Asking(client, body.request)
            whose = body.whose
            return seen.TagWord(at_ns=at_ns, node=body.node, by=by, whose=whose, asking=asking)
        case messages.VouchRequest() if body.code:
            asking = seen.Asking(client, body.request)
            return seen.VouchWord(at_ns=at_ns, machine=body.node, asking=asking)
        case safeguards.OpenRequest() if body.code:
            asking = seen.Asking(client, body.request)
            return seen.Opening(at_ns=at_ns, zone=body.zone, asking=asking)
        case _:
            return None
