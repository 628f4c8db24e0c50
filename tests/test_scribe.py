"""The scribe: what it writes is numbered, dated and signed, and says whom it is for."""

from lunaredge.ids import BootId, KeyId, NodeId
from lunaredge.scribe import Scribe
from lunaredge.wire.codec import Header, decode
from lunaredge.wire.messages import RebirthRequest
from lunaredge.wire.seal import Keyring, Role, Signer

BOOT = BootId(7 << 24)
SIGNER = Signer(KeyId("archive"), Role.ARCHIVE, bytes(32))
KEYRING = Keyring({SIGNER.key_id: SIGNER.public})


def header_of(frame: bytes) -> Header:
    received = decode(frame, KEYRING)
    assert received.role is Role.ARCHIVE
    assert received.body == RebirthRequest()
    return received.header


def test_frames_are_numbered_in_their_order_and_are_of_one_life() -> None:
    scribe = Scribe(NodeId("archive"), BOOT, SIGNER)

    headers = [header_of(scribe.frame(RebirthRequest(), now_ns)) for now_ns in (50, 60)]

    assert [header.number for header in headers] == [1, 2]
    assert {(header.node, header.boot) for header in headers} == {("archive", BOOT)}
    assert [(each.local_ns, each.site_ns) for each in headers] == [(50, 50), (60, 60)]
    assert {each.clock_error_ns for each in headers} == {0}


def test_a_frame_is_for_everybody_and_no_command_unless_it_is_said() -> None:
    scribe = Scribe(NodeId("archive"), BOOT, SIGNER)

    plain = header_of(scribe.frame(RebirthRequest(), 50))
    ordered = header_of(
        scribe.frame(RebirthRequest(), 50, to=NodeId("hauler-1"), epoch=3, expiry_ns=90)
    )

    assert (plain.to, plain.epoch, plain.expiry_ns) == ("", 0, 0)
    assert (ordered.to, ordered.epoch, ordered.expiry_ns) == ("hauler-1", 3, 90)
