"""A small scene to begin tests from, as YAML and as the same in GeoJSON."""

from pathlib import Path

YAML = """
title: A yard
boundary: [[0, 0], [60, 0], [60, 40], [0, 40]]
terrain:
  cell_m: 5
  heights_m:
    - [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    - [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    - [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    - [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    - [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    - [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    - [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    - [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
zones:
  - {name: hole, kind: keep_out, polygon: [[30, 20], [40, 20], [40, 30], [30, 30]], until_s: 500}
  - {name: slow, kind: speed, polygon: [[0, 0], [60, 0], [60, 10], [0, 10]], speed_m_s_max: 0.25}
obstacles:
  - {name: rock, polygon: [[20, 30], [22, 30], [22, 32], [20, 32]], high_m: 1.5, margin_m: 0.5}
machines:
  - {name: rover, length_m: 1.4, width_m: 0.8, speed_m_s_max: 0.5, turn_deg_s_max: 30}
  - name: truck
    drive: ackermann
    radius_m_min: 4
    footprint:
      - {corners: [[-1, -1], [3, -1], [3, 1], [-1, 1]], margin_m: 0.1, high_m: 2}
      - {name: mast, corners: [[2.5, 0]], margin_m: 0.3, low_m: 2, high_m: 3}
    speed_m_s_max: 0.8
    turn_deg_s_max: 15
routes:
  - {name: north, machine: rover, points: [[10, 12], [10, 35]], speed_m_s: 0.4, start_s: 7}
  - name: across
    machine: truck
    knots: [[0, 5, 16, 0], [100, 45, 16, 0]]
    ignore: [parked]
reservations:
  - {name: parked, machine: rover, knots: [[0, 50, 35, 90]], from_s: 10, until_s: 900}
  - {name: busy, machine: rover, points: [[50, 20], [50, 30], [55, 30]], speed_m_s: 0.5}
requests:
  - {name: home, machine: rover, start: [10, 12, 0], goal: [50, 15, 90], start_s: 3}
"""

GEOJSON = """
{
  "type": "FeatureCollection",
  "title": "A yard",
  "bbox": [0, 0, 60, 40],
  "terrain": {"cell_m": 5, "heights_m": [
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
  ]},
  "machines": [
    {"name": "rover", "length_m": 1.4, "width_m": 0.8, "speed_m_s_max": 0.5, "turn_deg_s_max": 30},
    {"name": "truck", "drive": "ackermann", "radius_m_min": 4, "footprint": [
      {"corners": [[-1, -1], [3, -1], [3, 1], [-1, 1]], "margin_m": 0.1, "high_m": 2},
      {"name": "mast", "corners": [[2.5, 0]], "margin_m": 0.3, "low_m": 2, "high_m": 3}
    ], "speed_m_s_max": 0.8, "turn_deg_s_max": 15}
  ],
  "features": [
    {"type": "Feature", "properties": {"role": "boundary"}, "geometry": {"type": "Polygon",
      "coordinates": [[[0, 0], [60, 0], [60, 40], [0, 40], [0, 0]]]}},
    {"type": "Feature", "properties": {"role": "zone", "name": "hole", "kind": "keep_out",
      "until_s": 500, "speed_m_s_max": null}, "geometry": {"type": "Polygon",
      "coordinates": [[[30, 20], [40, 20], [40, 30], [30, 30], [30, 20]]]}},
    {"type": "Feature", "properties": {"role": "zone", "name": "slow", "kind": "speed",
      "speed_m_s_max": 0.25}, "geometry": {"type": "Polygon",
      "coordinates": [[[0, 0], [60, 0], [60, 10], [0, 10], [0, 0]]]}},
    {"type": "Feature", "id": 7, "properties": {"role": "obstacle", "name": "rock", "high_m": 1.5,
      "margin_m": 0.5}, "geometry": {"type": "Polygon",
      "coordinates": [[[20, 30], [22, 30], [22, 32], [20, 32], [20, 30]]]}},
    {"type": "Feature", "properties": {"role": "route", "name": "north", "machine": "rover",
      "speed_m_s": 0.4, "start_s": 7}, "geometry": {"type": "LineString",
      "coordinates": [[10, 12], [10, 35]]}},
    {"type": "Feature", "properties": {"role": "route", "name": "across", "machine": "truck",
      "times_s": [0, 100], "headings_deg": [0, 0], "ignore": ["parked"]}, "geometry": {
      "type": "LineString", "coordinates": [[5, 16], [45, 16]]}},
    {"type": "Feature", "properties": {"role": "reservation", "name": "parked", "machine": "rover",
      "times_s": [0], "headings_deg": [90], "from_s": 10, "until_s": 900}, "geometry": {
      "type": "Point", "coordinates": [50, 35]}},
    {"type": "Feature", "properties": {"role": "reservation", "name": "busy", "machine": "rover",
      "speed_m_s": 0.5}, "geometry": {"type": "LineString",
      "coordinates": [[50, 20], [50, 30], [55, 30]]}},
    {"type": "Feature", "properties": {"role": "request", "name": "home", "machine": "rover",
      "headings_deg": [0, 90], "start_s": 3}, "geometry": {"type": "LineString",
      "coordinates": [[10, 12], [50, 15]]}}
  ]
}
"""


def write_yaml(folder: Path, old: str = "", new: str = "") -> Path:
    """Write the YAML scene, with one text changed."""
    return _write(folder / "scene.yaml", YAML, old, new)


def write_geojson(folder: Path, old: str = "", new: str = "") -> Path:
    """Write the GeoJSON scene, with one text changed."""
    return _write(folder / "scene.geojson", GEOJSON, old, new)


def _write(path: Path, text: str, old: str, new: str) -> Path:
    assert old in text, old
    path.write_text(text.replace(old, new, 1))
    return path
