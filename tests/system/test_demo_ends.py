"""How a demo of real processes ends when it is not let finish."""

import asyncio
import os
import signal
import sys

from lunaredge.cli.demo.record import RunRecord
from tests.system.site_run import WAIT_S
from tests.system.tiny_site import write_tiny_site

EXIT_INTERRUPTED = 130


async def test_sigterm_ends_a_demo_in_good_order_and_its_folder_is_named(tmp_path):
    site = write_tiny_site(tmp_path / "site")
    demo = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "lunaredge", "demo", "--site", str(site)),
        stderr=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    async with asyncio.timeout(WAIT_S):
        async for line in demo.stderr:
            if b"0 of 5 tasks" in line:
                break

        demo.send_signal(signal.SIGTERM)
        stdout, stderr = await demo.communicate()

    (folder,) = tmp_path.glob("lunaredge-demo-*")
    assert (demo.returncode, stdout) == (EXIT_INTERRUPTED, b"")
    assert str(folder) in stderr.decode()
    assert "Traceback" not in stderr.decode()
    assert RunRecord.load(folder).trouble == "interrupted"
    assert "process.stopped" in (folder / "logs" / "scheduler.log").read_text("utf-8")
