"""What a callback of the event loop raises is logged: a lost socket in a line, a fault whole."""

import asyncio

import pytest

from lunaredge.runtime.processes import run_until_asked


class Runner:
    """Ends at once."""

    async def run(self) -> None:
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    def stop(self) -> None:
        raise AssertionError("nobody asks")


def raising(error: Exception) -> None:
    async def main() -> None:
        def callback() -> None:
            raise error

        asyncio.get_running_loop().call_soon(callback)
        runner = Runner()
        await run_until_asked(runner, runner.run())  # type: ignore[arg-type]

    asyncio.run(main())


def test_a_socket_that_is_gone_takes_one_line(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    raising(OSError(9, "Bad file descriptor"))

    told = caplog.text + capsys.readouterr().err
    assert "socket.gone" in told
    assert "Traceback" not in told


def test_any_other_error_is_told_whole(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    raising(ZeroDivisionError("a fault of ours"))

    assert "Traceback" in caplog.text + capsys.readouterr().err
