"""Terrain: what surveys measured, and the map fused from it.

A survey's patches are kept with its task; a fusion task carries them to a computer and brings back
one height per cell. A new map may show that a path granted on the old one is too steep: then its
machine is held.
"""

import msgspec

from lunaredge.model.polyline import rest_of
from lunaredge.model.task import TaskKind, Workload
from lunaredge.scheduler.context import Context
from lunaredge.scheduler.paths import check_route
from lunaredge.scheduler.state import Fused, NodeEntry, TaskEntry, TaskPhase
from lunaredge.wire.records import TerrainPatch

# A survey of a hectare at 2 m is 2,500 points, 30 kB; ten of those fit into one frame.
PATCH_BYTES_MAX = 200_000
MEMORY_MIB = 512
DURATION_S_MAX = 900.0


class _Cells(msgspec.Struct, frozen=True):
    """The part of a fusion's output that the map needs."""

    cells: list[tuple[float, float, float, int]]


def take_patch(ctx: Context, patch: TerrainPatch) -> None:
    """Keep what a survey measured, up to the bound."""
    entry = ctx.state.tasks.get(patch.task)
    if entry is None or entry.task.kind is not TaskKind.SURVEY:
        return
    if sum(map(len, entry.patches)) + len(patch.points) > PATCH_BYTES_MAX:
        ctx.raise_alarm(entry.task.id, "survey.too_large", "later measurements were not kept")
        return
    entry.patches.append(patch.points)


def workload(ctx: Context, entry: TaskEntry) -> Workload:
    """Give the work of fusing the surveys that a task comes after, as much as fits a frame."""
    measured = [patch for survey in entry.task.after for patch in ctx.state.tasks[survey].patches]
    patches, room_bytes = [], PATCH_BYTES_MAX
    for patch in measured:
        if len(patch) <= room_bytes:
            patches.append(patch)
            room_bytes -= len(patch)
    if len(patches) < len(measured):
        ctx.raise_alarm(entry.task.id, "fusion.too_large", "some measurements were left out")
    document = {"cell_m": ctx.site.terrain.cell_m, "patches": patches}
    return Workload(
        program="fuse_terrain",
        input=msgspec.msgpack.encode(document),
        memory_mib=MEMORY_MIB,
        duration_s_max=DURATION_S_MAX,
    )


def take_result(ctx: Context, entry: TaskEntry) -> None:
    """Put a fusion's result into the map, and look again at every path granted on the old one."""
    if entry.phase is not TaskPhase.DONE:
        return
    try:
        cells = msgspec.msgpack.decode(entry.result, type=_Cells).cells
    except msgspec.DecodeError:
        ctx.raise_alarm(entry.task.id, "fusion.unreadable", "the result is not a fused map")
        return
    known = {(cell.x_m, cell.y_m): cell for cell in ctx.state.terrain}
    for x_m, y_m, z_m, count in cells:
        known[(x_m, y_m)] = Fused(x_m=x_m, y_m=y_m, z_m=z_m, count=count)
    ctx.state.terrain = [known[place] for place in sorted(known)]
    ctx.state.terrain_version += 1
    renew_ground(ctx)
    ctx.changed()
    ctx.note_event("terrain.fused", f"{entry.task.id}: {len(cells)} cells")
    for node in ctx.state.nodes.values():
        _recheck(ctx, node)


def renew_ground(ctx: Context) -> None:
    """Rebuild the ground map from the site's own terrain and everything fused since."""
    points = [(cell.x_m, cell.y_m, cell.z_m) for cell in ctx.state.terrain]
    ctx.ground = ctx.base_ground.updated(points).recalling(ctx.ground)


def _recheck(ctx: Context, node: NodeEntry) -> None:
    granted, spec = node.granted, ctx.specs[node.name].machine
    if granted is None or spec is None:
        return
    rest = rest_of(granted.path, granted.released_m)
    violation = check_route(ctx.ground, rest, granted.half_width_m, spec.slope_deg_max, ())
    if violation is not None and not node.terrain_hold:
        node.terrain_hold = True
        ctx.raise_alarm(node.name, "terrain.changed", f"{violation.reason} ahead")
        ctx.order_hold(node.name, held=True)
