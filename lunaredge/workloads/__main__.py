"""The process of one workload: input on stdin, result on stdout, one line on stderr if it fails.

    python -m lunaredge.workloads PROGRAM [MEMORY_MIB CPU_S PARENT_PID]

Limits itself before it imports anything large. Exit code 2 means that the input can't be used.
"""

import ctypes
import importlib
import resource
import sys

from lunaredge.workloads import PROGRAMS

# What Python, NumPy and one OpenBLAS thread need before they have done anything.
BASE_MIB = 64
# A workload comes in one frame of 256 KiB.
INPUT_BYTES_MAX = 1_048_576
_PR_SET_PDEATHSIG = 1
_SIGKILL = 9


def main(arguments: list[str]) -> int:
    """Run the program named first; give the exit code."""
    name, *limits = arguments
    module = PROGRAMS.get(name)
    if module is None:
        return _failed(f"no program {name!r}")
    if limits:
        memory_mib, cpu_s, parent = (int(text) for text in limits)
        _limit(memory_mib, cpu_s)
        if not _dies_with(parent):
            return _failed("the agent is gone")
    document = sys.stdin.buffer.read(INPUT_BYTES_MAX + 1)
    if len(document) > INPUT_BYTES_MAX:
        return _failed(f"input over {INPUT_BYTES_MAX} bytes")
    try:
        result = importlib.import_module(module).run(document)
    except ValueError as exc:
        return _failed(str(exc))
    except MemoryError:
        return _failed("out of memory")
    except ModuleNotFoundError as exc:
        return _failed(f"{exc.name} is not installed on this computer")
    sys.stdout.buffer.write(result)
    return 0


def _limit(memory_mib: int, cpu_s: int) -> None:
    """Bound what the kernel gives this process: private memory and processor time."""
    memory_bytes = (memory_mib + BASE_MIB) << 20
    # Not RLIMIT_AS: libraries reserve address space that they never touch.
    resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _dies_with(parent: int) -> bool:
    """Ask the kernel to end this process with its parent; False when the parent is gone already."""
    if sys.platform != "linux":
        return True
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_PDEATHSIG, _SIGKILL)
    return bool(libc.getppid() == parent)


def _failed(reason: str) -> int:
    sys.stderr.write(reason.replace("\n", " ") + "\n")
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
