"""The whole suite on two cores: what only computes beside what starts processes and waits for them.

    python -m tests.run [words for pytest]

With words of the caller's it is one plain pytest. Else the computing half runs quietly in a process
of its own, and is shown when both are through. The exit code is that of the half that failed.
"""

import subprocess
import sys
import tempfile

COMPUTING = ("tests/kernels", "tests/paths", "tests/placement", "tests/sim")


def pytest(*words, **how):
    """Start pytest with those words."""
    command = [sys.executable, "-m", "pytest", *words]
    return subprocess.Popen(command, **how)


def main(words):
    if words:
        return pytest(*words).wait()
    with tempfile.TemporaryFile("w+", encoding="utf-8") as said:
        quiet = pytest(*COMPUTING, stdout=said, stderr=subprocess.STDOUT)
        try:
            code = pytest(*(f"--ignore={folder}" for folder in COMPUTING)).wait()
            other_code = quiet.wait()
        finally:
            quiet.kill()
        said.seek(0)
        sys.stdout.write(f"\n{', '.join(COMPUTING)}, run beside:\n\n{said.read()}")
    return code or other_code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
