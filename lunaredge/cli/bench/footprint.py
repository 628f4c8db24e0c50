"""`lunaredge bench footprint`: what one agent costs its board, measured on a real site.

A real broker, the real scheduler, archive and machines run beside; only the agent is measured.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from lunaredge.cli.bench.install import base_install_mib, import_ms
from lunaredge.cli.bench.proc import (
    cpu_s_of,
    file_system_of,
    memory_of,
    written_bytes_of,
)
from lunaredge.cli.bench.row import BenchOptions, BenchRow, row_against
from lunaredge.cli.bench.site import BenchSite, running_site
from lunaredge.cli.doctor.machine import default_cache
from lunaredge.errors import ConfigError
from lunaredge.node import KeepKind
from lunaredge.runtime.archive.read import ArchiveReader
from lunaredge.wire.messages import RecordClass

# A batch of telemetry leaves each minute: one is archived within this.
SECONDS = 75.0
ROW_PERIOD_S = 1.0
CASE = "agent of a machine, 1 Hz"
BARE = "python (idle asyncio loop)"
# What keeps state in RAM only: nothing reaches a medium.
RAM_DISKS = ("tmpfs", "ramfs")


def rows(options: BenchOptions) -> list[BenchRow]:
    """Measure, and give the rows."""
    if options.data is not None:
        raise ConfigError(
            "this measures the site that comes with the package",
            place="lunaredge bench footprint",
            key="--data",
            value=options.data,
            remedy="leave it out",
        )
    with tempfile.TemporaryDirectory(prefix="lunaredge-bench-") as folder:
        running = list(_running(Path(folder), options.seconds or SECONDS))
    return running + _at_rest()


def _running(folder: Path, seconds: float) -> Iterator[BenchRow]:
    with running_site(folder, default_cache(), ROW_PERIOD_S) as site:
        pid, start_s = site.agent_pid, time.monotonic()
        cpu_s, written_bytes = cpu_s_of(pid), written_bytes_of(pid)
        time.sleep(seconds)
        lasted_s = time.monotonic() - start_s
        cpu_s = cpu_s_of(pid) - cpu_s
        written_bytes = written_bytes_of(pid) - written_bytes
        memory, bare = memory_of(pid), _bare_memory()
        archived_count = _archived_count(site)
    about = f"{site.broker}, {seconds:.0f} s after the start. "
    notes = {
        "pss_mib": "Shared pages by share, those that other Pythons here share in full",
        "rss_mib": "Every page that is mapped, shared or not",
        "uss_mib": "What would come free if the agent ended",
    }
    for metric, note in notes.items():
        yield row_against(
            BenchRow(
                case=CASE,
                metric=metric,
                unit="MiB",
                ours=getattr(memory, metric),
                note=f"{about}{note}. Bound by the interpreter and its libraries, not by data",
            ),
            BARE,
            getattr(bare, metric),
            more_is_better=False,
        )
    yield BenchRow(
        case=CASE,
        metric="cpu_pct",
        unit="% of a core",
        ours=100.0 * cpu_s / lasted_s,
        note=about + "Bound by samples and heartbeats decoded, signed and sent; 10 ms is a tick",
    )
    yield BenchRow(
        case=CASE,
        metric="rows_archived",
        unit="rows",
        ours=float(archived_count),
        note=about + "The proof that it works: the archive had so many on disk by then; a batch"
        " leaves each minute",
    )
    yield _flash(folder, about, written_bytes * 60.0 / lasted_s)


def _archived_count(site: BenchSite) -> int:
    """Give how many of the agent's telemetry rows the archive has on disk."""
    with ArchiveReader.open(site.archive) as reader:
        return sum(
            stretch.samples
            for stream, stretch in reader.coverage(site.node)
            if stretch.kind is KeepKind.SAMPLES and stream.record_class is RecordClass.RAW
        )


def _flash(folder: Path, about: str, bytes_min: float) -> BenchRow:
    in_ram = file_system_of(folder) in RAM_DISKS
    note = (
        "Telemetry that is acknowledged in time is never written; a record of a task, an alarm or"
        " a movement authority costs a page of 4 KiB, twice with the checkpoint"
    )
    if in_ram:
        note = "Not measured: the temporary folder is in memory; set TMPDIR to a disk"
    return BenchRow(
        case=CASE,
        metric="flash_kib_per_min",
        unit="KiB/min",
        ours=None if in_ram else bytes_min / 1024.0,
        note=about + note,
    )


def _at_rest() -> list[BenchRow]:
    agent_ms, bare_ms = import_ms()
    imports = BenchRow(
        case="start",
        metric="import_ms",
        unit="ms",
        ours=agent_ms,
        note="Processor time, files cached, median of 7. Bound by making our own classes (half);"
        " aiomqtt with paho is a fifth, asyncio a sixth",
    )
    size_mib, names = base_install_mib()
    install = BenchRow(
        case="install",
        metric="install_mib",
        unit="MiB",
        ours=size_mib,
        note=f"lunaredge with {', '.join(names)}; without Python and its compiled files",
    )
    return [row_against(imports, "asyncio", bare_ms, more_is_better=False), install]


def _bare_memory() -> object:
    """Give the memory of an interpreter that waits in an asyncio loop and does nothing else."""
    code = "import asyncio, sys; print(flush=True); asyncio.run(asyncio.sleep(60))"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        # The loop is made after the line is printed.
        time.sleep(0.5)
        memory = memory_of(process.pid)
        process.kill()
    return memory
