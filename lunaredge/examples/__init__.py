"""Sites that come with the package, ready to run."""

from importlib.resources import files
from pathlib import Path


def demo_site() -> Path:
    """Give the folder of the demo's site: site, fleet, work order, contact plan and terrain."""
    folder = Path(str(files("lunaredge.examples"))) / "composite-ridge"
    assert folder.is_dir(), "the package was installed without its examples"
    return folder
