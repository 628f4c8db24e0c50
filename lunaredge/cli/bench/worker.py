"""The process of one contender: it answers what the benchmark asks, one line of JSON each.

    python -m lunaredge.cli.bench.worker MODULE NAME [DATA]

A contender that is not installed, or that breaks, says so and ends; the benchmark goes on.
"""

import importlib
import json
import sys
import time
from collections.abc import Callable
from typing import Protocol, TextIO


class Contender(Protocol):
    """One way of doing the job of a benchmark. Every contender makes the same inputs."""

    def answer(self, case: str) -> object:
        """Give the answers of a case, as JSON; those of all contenders must agree."""
        ...

    def measure(self, case: str, duration_s: float) -> float:
        """Do the job for about so long and give the figure."""
        ...


def cpu_us_each(job: Callable[[], int], duration_s: float) -> float:
    """Run a job again and again; give the processor's microseconds per piece that it says it did.

    Processor time, since what else runs on the machine is nobody's merit.
    """
    end_s, start_s, count = time.monotonic() + duration_s, time.process_time(), 0
    while True:
        count += job()
        if time.monotonic() >= end_s:
            return (time.process_time() - start_s) * 1e6 / count


def main(arguments: list[str]) -> int:
    """Serve until the questions end."""
    # What a library prints must not come between the answers.
    out, sys.stdout = sys.stdout, sys.stderr
    module, name, *data = arguments
    try:
        contender = importlib.import_module(module).contender(name, *data)
    except ModuleNotFoundError as exc:
        _say(out, {"missing": f"{exc.name} is not installed"})
        return 0
    _say(out, {"ready": True})
    for line in sys.stdin:
        task, case, duration_s = json.loads(line)
        try:
            value = (
                contender.answer(case) if task == "answer" else contender.measure(case, duration_s)
            )
        except Exception as exc:
            _say(out, {"broken": f"{type(exc).__name__}: {exc}"})
            return 1
        _say(out, {"value": value})
    return 0


def _say(out: TextIO, document: object) -> None:
    print(json.dumps(document), file=out, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
