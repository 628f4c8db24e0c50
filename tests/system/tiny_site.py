"""A site of one lot: an excavator fills a pile, a hauler carries it off, a scout measures ground.

On the demo's own terrain and with the demo's own machines, but small enough that its work is done
in half a minute at 60 times real time; the Earth link is out in the middle of it.
"""

import shutil
import tomllib
from pathlib import Path

import tomli_w

from lunaredge.examples import demo_site

NODES = ("excavator-1", "hauler-1", "scout-1", "dc-1")
HOMES = {"excavator-1": [12, 12], "hauler-1": [22, 12], "scout-1": [32, 12]}

SITE = """
name = "tiny"
title = "A tiny site on the demo's ground"
regolith_kg_m3 = 1600.0
boundary = [[1, 1], [79, 1], [79, 59], [1, 59]]

[terrain]
file = "tile.tif"
origin_x_m = 127940.0
origin_y_m = -93155.0
width_m = 80.0
height_m = 60.0
cell_m = 2.0

[[zones]]
name = "yard"
kind = "charge"
polygon = [[6, 6], [38, 6], [38, 18], [6, 18]]

[[zones]]
name = "hole"
kind = "keep_out"
polygon = [[2, 50], [8, 50], [8, 58], [2, 58]]

[[zones]]
name = "pit"
kind = "work"
polygon = [[32, 28], [38, 28], [38, 32], [32, 32]]

[[zones]]
name = "pile"
kind = "work"
polygon = [[43, 28], [47, 28], [47, 32], [43, 32]]

[[zones]]
name = "berm"
kind = "work"
polygon = [[58, 44], [64, 44], [64, 48], [58, 48]]

[[zones]]
name = "field"
kind = "work"
polygon = [[12, 28], [20, 28], [20, 34], [12, 34]]
"""

ORDER = """
id: one-lot
title: One lot moved and one field measured
tasks:
  - {id: measure, kind: survey, zone: field}
  - {id: fuse, kind: fuse_terrain, after: [measure]}
  - {id: dig, kind: excavate, zone: pit, pile: pile, mass_kg: 4, stand: [40.5, 30]}
  - {id: carry, kind: haul, pile: pile, mass_kg: 4, stand: [50, 30], to_pile: berm,
     to_stand: [61, 40], after: [dig]}
  - {id: measure-again, kind: survey, zone: field, after: [fuse], needs_earth: true}
"""

CONTACTS = """
{
 "site": {"name": "tiny", "lat": -84.8, "lon_e": 126.0, "mast_m": 10},
 "epoch": "2028-01-13T12:00:00Z",
 "contacts": [
  {"link": "DTE", "start": "2028-01-13T11:00:00Z", "end": "2028-01-13T12:15:00Z", "owlt_s": 1.28},
  {"link": "DTE", "start": "2028-01-13T12:20:00Z", "end": "2028-01-13T22:00:00Z", "owlt_s": 1.28}
 ]
}
"""


def write_tiny_site(folder: Path) -> Path:
    """Write the site's four files; give their folder."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(next(demo_site().glob("NPC_*.tif")), folder / "tile.tif")
    (folder / "site.toml").write_text(SITE, encoding="utf-8")
    (folder / "order.yaml").write_text(ORDER, encoding="utf-8")
    (folder / "contacts.json").write_text(CONTACTS, encoding="utf-8")
    (folder / "fleet.toml").write_text(tomli_w.dumps(_fleet()), encoding="utf-8")
    return folder


def _fleet() -> dict[str, object]:
    """Give the demo's fleet without the nodes that have nothing to do here."""
    fleet = tomllib.loads((demo_site() / "fleet.toml").read_text(encoding="utf-8"))
    nodes = [node for node in fleet["nodes"] if node["name"] in NODES]
    for node in nodes:
        if "home" in node:
            node["home"] = HOMES[node["name"]]
    used = {node["type"] for node in nodes}
    return {"types": [kind for kind in fleet["types"] if kind["name"] in used], "nodes": nodes}
