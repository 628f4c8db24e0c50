"""What is imported is declared, and in the smallest extra that needs it."""

import re
import sys
import tomllib

from tests.style.source import ROOT, files_of_tests, imports_of, package_files, tree_of

# Where a package is imported by another name than it is installed by.
DISTRIBUTIONS = {
    "fcl": "python-fcl",
    "mapbox_earcut": "mapbox-earcut",
    "nacl": "pynacl",
    "google": "protobuf",
    "mcap_protobuf": "mcap-protobuf-support",
    "paho": "paho-mqtt",
    "pydantic_core": "pydantic",
    "tomli_w": "tomli-w",
    "yaml": "pyyaml",
}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]


def declared(*requirements: str) -> set[str]:
    return {re.split(r"[<>=!~;\[ ]", requirement)[0].lower() for requirement in requirements}


def imported(paths: tuple[object, ...]) -> set[str]:
    names = {name.split(".")[0] for path in paths for _, name in imports_of(tree_of(path))}
    foreign = names - set(sys.stdlib_module_names) - {"lunaredge", "tests"}
    return {DISTRIBUTIONS.get(name, name) for name in foreign}


def test_the_package_imports_only_what_it_declares() -> None:
    ours = (*EXTRAS["site"], *EXTRAS["export"], *EXTRAS["monitor"])
    known = declared(*PROJECT["dependencies"], *ours)
    benchmarks = tuple(path for path in package_files() if "bench" in path.parts)
    others = tuple(path for path in package_files() if "bench" not in path.parts)

    assert imported(others) <= known
    assert imported(benchmarks) <= known | declared(*EXTRAS["bench"])


def test_the_tests_import_only_what_make_test_installs() -> None:
    known = declared(*PROJECT["dependencies"], *EXTRAS["site"], *EXTRAS["dev"])

    assert imported(files_of_tests()) <= known


def test_everything_in_an_extra_of_the_package_is_imported() -> None:
    ours = declared(*EXTRAS["site"], *EXTRAS["export"]) - {"lunaredge"}

    assert ours <= imported(package_files())


def test_no_extra_repeats_what_the_base_install_brings() -> None:
    base = declared(*PROJECT["dependencies"])

    assert all(base.isdisjoint(declared(*requirements)) for requirements in EXTRAS.values())
