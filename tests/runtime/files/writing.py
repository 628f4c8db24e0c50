"""Small files to begin tests from: a flat tile and a site, a fleet and an order that fit it."""

from pathlib import Path

import numpy as np
import tifffile

# GTModelType projected, GTRasterType pixel-is-area, ProjLinearUnits metre.
GEO_KEYS = (1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, 1, 3076, 0, 1, 9001)

SITE = """
name = "plain"
title = "A plain"
regolith_kg_m3 = 1600.0
boundary = [[1, 1], [59, 1], [59, 39], [1, 39]]

[terrain]
file = "tile.tif"
origin_x_m = 1010.0
origin_y_m = 2010.0
width_m = 60.0
height_m = 40.0
cell_m = 2.5

[[zones]]
name = "hole"
kind = "keep_out"
polygon = [[30, 20], [40, 20], [40, 30], [30, 30]]

[[zones]]
name = "yard"
kind = "charge"
polygon = [[2, 2], [50, 2], [50, 15], [2, 15]]
"""

FLEET = """
[[types]]
name = "scout"
source = "made up"
capabilities = ["survey"]
[types.machine]
length_m = 1.4
width_m = 0.8
mass_kg = 30
speed_m_s_max = 0.3
turn_deg_s = 20
deceleration_m_s2 = 0.25
slope_deg_max = 15
battery_wh = 1330
reserve_wh = 270
idle_w = 30
drive_w = 70
charge_w = 300
tool_width_m = 5.0
work_speed_m_s = 0.3

[[types]]
name = "computer"
source = "made up"
capabilities = ["compute"]
[types.computer]
slots = 2
memory_mib = 1024

[[nodes]]
name = "scout-1"
type = "scout"
home = [10, 10]

[[nodes]]
name = "scout-2"
type = "scout"
home = [20, 10]
heading_deg = 90

[[nodes]]
name = "dc-1"
type = "computer"
"""

ORDER = """
id: order-1
title: An order
tasks:
  - id: look
    kind: survey
    zone: yard
  - id: fuse
    kind: fuse_terrain
    after: [look]
  - id: dig
    kind: excavate
    zone: pit
    pile: pile
    mass_kg: 12.5
    stand: [1, 2.5]
    needs_earth: true
  - id: carry
    kind: haul
    pile: pile
    to_pile: berm
    stand: [3, 4]
    to_stand: [5, 6]
    only_on: [hauler-1]
    priority: 1
"""


def write_tile(path: Path, heights_m: np.ndarray, **changes: object) -> Path:
    """Write a GeoTIFF of 5 m pixels whose north-west corner is at 1000, 2100."""
    tags = {
        33550: ("d", 3, (5.0, 5.0, 0.0)),
        33922: ("d", 6, (0.0, 0.0, 0.0, 1000.0, 2100.0, 0.0)),
        34735: ("H", len(GEO_KEYS), GEO_KEYS),
    }
    tags.update(changes.pop("tags", {}))
    extratags = [(code, *tag, True) for code, tag in tags.items() if tag is not None]
    options = {"metadata": None, "photometric": "minisblack", "extratags": extratags, **changes}
    tifffile.imwrite(path, heights_m, **options)
    return path


def flat_tile(path: Path, **changes: object) -> Path:
    """Write a tile of 20 x 20 pixels, 100 m each way, at height -3000 m."""
    return write_tile(path, np.full((20, 20), -3000.0, np.float32), **changes)


def write_site(folder: Path, old: str = "", new: str = "") -> Path:
    """Write the site and its tile, with one text changed."""
    flat_tile(folder / "tile.tif")
    return write(folder / "site.toml", SITE, old, new)


def write(path: Path, text: str, old: str = "", new: str = "") -> Path:
    """Write a file, with one text changed."""
    assert old in text
    path.write_text(text.replace(old, new, 1))
    return path
