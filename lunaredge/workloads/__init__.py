"""Programs that compute tasks may run: bytes in, bytes out, the same every time.

A program is a module with ``run(document: bytes) -> bytes`` that raises ValueError for input it
can't use. Each runs in a process of its own (``python -m lunaredge.workloads NAME``), so that what
it imports, and how it ends, is nothing to the agent. Only what is registered here can be run.
"""

PROGRAMS = {"fuse_terrain": "lunaredge.workloads.fuse_terrain"}
"""Module of each program, by name; imported only in the process that runs it."""
