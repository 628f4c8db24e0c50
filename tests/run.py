"""The whole suite on two cores, in parts, each a process of its own.

    python -m tests.run [words for pytest]

With words of the caller's it is one plain pytest. Else two lanes take the parts in turn, each the
next one when it is through with its last, the longest first, so that both end at about the same
time. What a part says is shown when the part is through. The exit code is that of the first part
that failed, in the order below.
"""

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed

# The processes that the first part starts have deadlines by the wall clock. A third lane would use
# the time in which it waits for them, and make them late.
LANES = 2
PARTS = (
    ("tests/system", "tests/runtime"),
    ("tests/sim",),
    ("tests/placement",),
    ("tests/paths",),
    ("tests/kernels",),
    ("tests/cli",),
)


def everything_else():
    """Give the words for all tests that are in no part, so that a new folder can't be left out."""
    named = {folder for part in PARTS for folder in part}
    return tuple(f"--ignore={folder}" for folder in sorted(named))


def run(part):
    """Run a part to its end; give its exit code and what it said."""
    sys.stdout.write(f"== pytest {' '.join(part)} begins\n")
    sys.stdout.flush()
    began_s = time.monotonic()
    command = [sys.executable, "-m", "pytest", *part]
    told = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    took_s = time.monotonic() - began_s
    return told.returncode, f"\n== pytest {' '.join(part)} ({took_s:.0f} s)\n\n{told.stdout}"


def main(words):
    if words:
        return subprocess.call([sys.executable, "-m", "pytest", *words])
    with ThreadPoolExecutor(LANES) as lanes:
        parts = [lanes.submit(run, part) for part in (*PARTS, everything_else())]
        try:
            for part in as_completed(parts):
                sys.stdout.write(part.result()[1])
                sys.stdout.flush()
        except KeyboardInterrupt:
            # The parts under way have heard it too; the others are not begun.
            for part in parts:
                part.cancel()
            return 130
    return next((code for code, _ in (part.result() for part in parts) if code), 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
