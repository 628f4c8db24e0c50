"""What the agent may cost a board."""

import subprocess
import sys

HEAVY = ("numpy", "pydantic", "numba", "asyncio", "logging", "textual", "msgpack", "rich")


def test_importing_the_agent_pulls_in_nothing_heavy() -> None:
    code = (
        "import sys, pkgutil, importlib, lunaredge.agent as package\n"
        "for module in pkgutil.iter_modules(package.__path__):\n"
        "    importlib.import_module(f'lunaredge.agent.{module.name}')\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.stderr == ""
    assert done.stdout.strip() == "[]"
