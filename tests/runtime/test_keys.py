import json

import pytest

from lunaredge.errors import ConfigError
from lunaredge.runtime.keys import load_keyring, load_signer, make_keys
from lunaredge.wire.seal import Role

HOLDERS = {"scheduler": Role.SCHEDULER, "dozer-3": Role.NODE}


def test_what_a_made_key_signs_verifies_with_the_keyring(tmp_path):
    make_keys(tmp_path, HOLDERS)

    signer, keyring = load_signer(tmp_path, "dozer-3"), load_keyring(tmp_path)

    assert keyring.role(signer.key_id) is Role.NODE
    assert keyring.verifies(signer.key_id, b"words", signer.sign(b"words"))
    assert not keyring.verifies(signer.key_id, b"other words", signer.sign(b"words"))


def test_making_keys_again_keeps_the_old_ones_and_adds_the_new(tmp_path):
    make_keys(tmp_path, HOLDERS)
    before = load_signer(tmp_path, "scheduler").public

    made = make_keys(tmp_path, {**HOLDERS, "rover-1": Role.NODE})

    assert made == ["rover-1"]
    assert load_signer(tmp_path, "scheduler").public == before


def test_a_seed_is_readable_by_its_owner_only(tmp_path):
    make_keys(tmp_path, HOLDERS)

    assert (tmp_path / "scheduler.seed").stat().st_mode & 0o777 == 0o600


def test_a_seed_open_to_others_is_refused_with_the_remedy(tmp_path):
    make_keys(tmp_path, HOLDERS)
    (tmp_path / "scheduler.seed").chmod(0o644)

    with pytest.raises(ConfigError, match="chmod 600"):
        load_signer(tmp_path, "scheduler")


@pytest.mark.parametrize("content", [b"", b"zz" * 32, b"00" * 31, b"\xff\xfe" * 32])
def test_a_damaged_seed_is_refused(tmp_path, content):
    make_keys(tmp_path, HOLDERS)
    (tmp_path / "scheduler.seed").write_bytes(content)

    with pytest.raises(ConfigError, match=r"scheduler\.seed"):
        load_signer(tmp_path, "scheduler")


def test_a_seed_that_is_not_the_enrolled_one_is_refused(tmp_path):
    make_keys(tmp_path, HOLDERS)
    (tmp_path / "scheduler.seed").write_text("11" * 32)

    with pytest.raises(ConfigError, match="does not match"):
        load_signer(tmp_path, "scheduler")


def test_a_holder_that_is_not_enrolled_is_named(tmp_path):
    make_keys(tmp_path, HOLDERS)

    with pytest.raises(ConfigError, match="rover-9"):
        load_signer(tmp_path, "rover-9")


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{}",
        '{"keys": [{"id": "x", "role": "king", "key": ""}]}',
        json.dumps({"keys": [{"id": "x", "role": "node", "key": "00"}]}),
    ],
)
def test_damaged_public_keys_are_refused(tmp_path, content):
    (tmp_path / "public.json").write_text(content)

    with pytest.raises(ConfigError, match=r"public\.json"):
        load_keyring(tmp_path)


def test_missing_keys_name_the_file(tmp_path):
    with pytest.raises(ConfigError, match=r"public\.json"):
        load_keyring(tmp_path / "nowhere")
