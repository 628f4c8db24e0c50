"""What an agent's install weighs on disk, and what its imports cost."""

import importlib.util
import re
import statistics
import subprocess
import sys
from importlib import metadata
from pathlib import Path

_ROUNDS = 7
_MIB = 1024.0 * 1024.0
AGENT_IMPORTS = "lunaredge.cli.main, lunaredge.runtime.processes"
BARE_IMPORTS = "asyncio"
_CODE = "import time; s = time.process_time(); import {}; print(time.process_time() - s)"


def import_ms() -> tuple[float, float]:
    """Give the processor's ms for the agent's imports, and for asyncio alone; turn by turn."""
    taken_ms: dict[str, list[float]] = {AGENT_IMPORTS: [], BARE_IMPORTS: []}
    for _ in range(_ROUNDS):
        for modules, figures in taken_ms.items():
            done = subprocess.run(
                [sys.executable, "-c", _CODE.format(modules)],
                capture_output=True,
                text=True,
                check=True,
            )
            figures.append(float(done.stdout) * 1e3)
    return statistics.median(taken_ms[AGENT_IMPORTS]), statistics.median(taken_ms[BARE_IMPORTS])


def base_install_mib() -> tuple[float, list[str]]:
    """Give the size of lunaredge and of all that its base install brings, and the names of it.

    Without what Python compiles at the first start, and without the interpreter.
    """
    names = _closure("lunaredge")
    return _package_bytes() / _MIB + sum(map(_size_bytes, names)) / _MIB, names


def _closure(root: str) -> list[str]:
    """Give the distributions that one needs, and those that these need; extras left out."""
    found: list[str] = []
    waiting = [root]
    while waiting:
        for line in _requirements(waiting.pop()):
            name = re.split(r"[^\w.-]", line)[0].lower()
            if "extra ==" not in line and name not in found and _is_installed(name):
                found.append(name)
                waiting.append(name)
    return sorted(found)


def _requirements(name: str) -> list[str]:
    try:
        return metadata.requires(name) or []
    except metadata.PackageNotFoundError:
        return []


def _is_installed(name: str) -> bool:
    """Tell whether a requirement is here; one for another system or Python is not."""
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def _size_bytes(name: str) -> int:
    paths = (Path(str(file.locate())) for file in metadata.files(name) or [])
    return sum(p.stat().st_size for p in paths if p.suffix != ".pyc" and p.is_file())


def _package_bytes() -> int:
    spec = importlib.util.find_spec("lunaredge")
    assert spec is not None
    assert spec.origin is not None
    paths = Path(spec.origin).parent.rglob("*")
    return sum(p.stat().st_size for p in paths if _counts(p))


def _counts(path: Path) -> bool:
    return path.is_file() and "__pycache__" not in path.parts
