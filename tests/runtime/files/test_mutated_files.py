"""A well-formed file with wrong contents is read, or refused in one line; in time and memory."""

import functools
import json
import math
import struct
import time
import tomllib
import tracemalloc

import pytest
import tomli_w
import yaml
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from lunaredge.examples import demo_site
from lunaredge.runtime.files.contact_file import load_contacts
from lunaredge.runtime.files.fleet_file import load_fleet
from lunaredge.runtime.files.geotiff import read_tile
from lunaredge.runtime.files.order_file import load_order
from lunaredge.runtime.files.site_file import load_site
from tests.runtime.files.mutations import changed
from tests.runtime.files.refusals import is_fair, refusal
from tests.runtime.files.writing import FLEET, ORDER, SITE, flat_tile, write_site

CONTACTS = {
    "site": {"name": "mast", "lat": -85.2, "lon_e": 31.0, "mast_m": 10.0},
    "epoch": "2028-01-13T12:00:00Z",
    "preset": "relay",
    "note": "made up",
    "contacts": [
        {
            "link": "DTE",
            "start": f"2028-01-1{day}T12:00:00Z",
            "end": f"2028-01-1{day}T14:00:00Z",
            "owlt_s": 1.3,
            "hours": 2.0,
        }
        for day in (3, 4, 5)
    ],
}
WRITERS = {
    ".toml": tomli_w.dumps,
    ".yaml": lambda tree: yaml.safe_dump(tree, allow_unicode=True),
    ".json": lambda tree: json.dumps(tree, default=str),
}
# A slow shared core, and the first call's imports; none takes a tenth of it.
LOAD_S_MAX = 5.0
quick = settings(
    max_examples=settings().max_examples,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mutated")
    write_site(folder)
    return folder


@pytest.fixture(scope="module")
def site(folder):
    return load_site(folder / "site.toml")


def is_fair_in_time(load, path):
    """Load; tell whether the file was read or refused as it should, and soon."""
    start_s = time.process_time()
    refused = refusal(load, path)
    return is_fair(refused) and time.process_time() - start_s < LOAD_S_MAX


def written(path, tree):
    """Write a tree in the format of the path; tell whether the format has a way to say it."""
    try:
        text = WRITERS[path.suffix](tree)
    except (TypeError, ValueError, OverflowError):
        return False
    path.write_text(text, encoding="utf-8", errors="replace")
    return True


@quick
@given(tree=changed(tomllib.loads(SITE)))
def test_a_site_with_a_wrong_value_is_read_or_refused(folder, tree):
    path = folder / "changed-site.toml"
    assume(written(path, tree))

    assert is_fair_in_time(load_site, path)


@quick
@given(tree=changed(tomllib.loads(FLEET)))
def test_a_fleet_with_a_wrong_value_is_read_or_refused(folder, site, tree):
    path = folder / "fleet.toml"
    assume(written(path, tree))

    assert is_fair_in_time(lambda path: load_fleet(path, site), path)


@quick
@given(tree=changed(yaml.safe_load(ORDER)))
def test_an_order_with_a_wrong_value_is_read_or_refused(folder, tree):
    path = folder / "order.yaml"
    assume(written(path, tree))

    assert is_fair_in_time(load_order, path)


@quick
@given(tree=changed(CONTACTS))
def test_a_contact_plan_with_a_wrong_value_is_read_or_refused(folder, tree):
    path = folder / "contacts.json"
    assume(written(path, tree))

    assert is_fair_in_time(load_contacts, path)


def test_what_is_changed_here_is_sound_before(folder, site):
    for load, name, text in (
        (load_site, "site.toml", SITE),
        (lambda path: load_fleet(path, site), "fleet.toml", FLEET),
        (load_order, "order.yaml", ORDER),
        (load_contacts, "contacts.json", json.dumps(CONTACTS)),
    ):
        path = folder / f"sound-{name}"
        path.write_text(text)
        assert refusal(load, path) is None, name


@functools.cache
def demo_ground():
    return load_site(demo_site() / "site.toml")


LOADERS = {
    "site.toml": load_site,
    "fleet.toml": lambda path: load_fleet(path, demo_ground()),
    "order.yaml": load_order,
    "contacts.json": load_contacts,
    "tile.tif": read_tile,
}


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-16-le", "cp037", "utf-8-sig"])
@pytest.mark.parametrize("name", LOADERS)
def test_a_file_in_another_encoding_is_read_or_refused(tmp_path, name, encoding):
    text = {"site.toml": SITE, "fleet.toml": FLEET, "order.yaml": ORDER}.get(name)
    path = tmp_path / name
    path.write_bytes((text or json.dumps(CONTACTS)).encode(encoding))

    refused = refusal(LOADERS[name], path)

    assert is_fair(refused)
    assert (refused is None) == (
        encoding == "utf-8-sig" and name in ("order.yaml", "contacts.json")
    )


@pytest.mark.parametrize("kind", ["zeros", "letters", "bytes", "tiff"])
@pytest.mark.parametrize("name", LOADERS)
def test_ten_megabytes_of_noise_are_refused_without_filling_the_memory(tmp_path, name, kind):
    noise = {
        "zeros": b"\0",
        "letters": b"a",
        "bytes": bytes(range(256)),
        "tiff": b"II*\0\x08\0\0\0",
    }
    path = tmp_path / name
    path.write_bytes(noise[kind] * (10_000_000 // len(noise[kind])))

    tracemalloc.start()
    try:
        refused = refusal(LOADERS[name], path)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert refused is not None
    assert is_fair(refused)
    assert peak_bytes < 64_000_000


@quick
@given(
    tag=st.sampled_from([256, 257, 258, 259, 262, 273, 277, 278, 279, 339, 322, 323, 33550, 33922]),
    value=st.sampled_from([0, 1, 3, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF]),
    kind=st.sampled_from([None, 1, 3, 4, 12, 16, 0xFFFF]),
    count=st.sampled_from([None, 0, 2, 0xFFFF, 0xFFFFFFFF]),
)
def test_a_tile_whose_directory_lies_is_read_or_refused(folder, tag, value, kind, count):
    path = flat_tile(folder / "lying.tif")
    content = bytearray(path.read_bytes())
    (at,) = struct.unpack_from("<I", content, 4)
    (entries,) = struct.unpack_from("<H", content, at)
    for entry in range(at + 2, at + 2 + 12 * entries, 12):
        if struct.unpack_from("<H", content, entry)[0] == tag:
            if kind is not None:
                struct.pack_into("<H", content, entry + 2, kind)
            if count is not None:
                struct.pack_into("<I", content, entry + 4, count)
            struct.pack_into("<I", content, entry + 8, value)
    path.write_bytes(content)

    assert is_fair_in_time(read_tile, path)


@pytest.mark.parametrize("scale_m", [math.nan, math.inf, -5.0, 0.0, 1e308, 5e-324])
def test_a_tile_with_a_senseless_scale_is_refused(folder, scale_m):
    tags = {33550: ("d", 3, (scale_m, scale_m, 0.0))}

    assert refusal(read_tile, flat_tile(folder / "scale.tif", tags=tags)) is not None
