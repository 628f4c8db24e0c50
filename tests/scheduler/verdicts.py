"""What holds at every moment on a stage, whatever has happened there.

Judged by what the puppets may truly still do and by what people were truly told. The scheduler's
state is read as a table; nothing of the scheduler's code is asked what it means.
"""

from lunaredge.model.site import Point
from lunaredge.scheduler.backlog import IN_HAND
from lunaredge.scheduler.state import ClosurePhase, LockPhase, NodeEntry
from lunaredge.sim.checkers.geometry import cut_path, path_to_path
from tests.scheduler.puppets import Puppet
from tests.scheduler.stage import ROUNDING_M, ZONES, Stage, gap_m, gap_to_area_m


def everything_holds(stage: Stage) -> None:
    no_two_machines_can_meet(stage)
    what_a_machine_may_do_is_claimed(stage)
    every_task_is_in_one_place(stage)
    people_are_kept_safe(stage)
    a_replay_gives_the_same(stage)
    time_goes_on(stage)
    memory_is_bounded(stage)


def no_two_machines_can_meet(stage: Stage) -> None:
    now_ns = stage.now_ns
    reach = {name: each.strips(now_ns) for name, each in stage.puppets.items()}
    names = list(reach)
    for i, one in enumerate(names):
        for other in names[i + 1 :]:
            apart_m = min(gap_m(a, b) for a in reach[one] for b in reach[other])
            assert apart_m > -ROUNDING_M, f"{one} and {other} may meet"


def what_a_machine_may_do_is_claimed(stage: Stage) -> None:
    """Nothing is free of a counted machine before its own word says so."""
    state = stage.scheduler.core.state
    for name, puppet in stage.puppets.items():
        entry = state.nodes[name]
        counted = stage.counted.get(name) == (state.epoch, puppet.boot)
        if entry.estranged or not (counted or name in stage.vouched):
            continue
        claim = _claimed(entry, puppet)
        for strip in puppet.strips(stage.now_ns):
            for point in strip.points:
                off_m = min(path_to_path((point,), part) - width_m for part, width_m in claim)
                text = f"{point} is free, and {name} may come there"
                assert off_m + puppet.spec.radius_m < 0.0 or entry.lockout, text


def every_task_is_in_one_place(stage: Stage) -> None:
    state = stage.look()
    for name, node in state.nodes.items():
        if node.task is not None:
            entry = state.tasks[node.task]
            assert entry.node == name
            assert entry.phase in IN_HAND
    held = [entry for entry in state.tasks.values() if entry.phase in IN_HAND]
    for entry in held:
        assert entry.node is not None
        assert state.nodes[entry.node].task == entry.task.id
    if not (stage.has_gone_back or stage.has_vouched):
        hands = [each.assign.task for each in stage.puppets.values() if each.assign]
        assert len(set(hands)) == len(hands), f"two machines do one task: {hands}"


def people_are_kept_safe(stage: Stage) -> None:
    state = stage.scheduler.core.state
    now_ns = stage.now_ns
    for closure in state.closures.values():
        if closure.phase is ClosurePhase.CLEAR:
            for name, puppet in stage.puppets.items():
                gaps_m = [gap_to_area_m(each, closure.area) for each in puppet.strips(now_ns)]
                assert min(gaps_m) > 0.0, f"{name} may be in {closure.name}, shown clear"
    if stage.has_gone_back:
        return
    for name, puppet in stage.puppets.items():
        lockout = state.nodes[name].lockout
        if lockout is None or lockout.phase is not LockPhase.LOCKED:
            continue
        hanging = [tag for tag in lockout.tags.values() if not tag.released]
        assert all(tag.id in puppet.locks for tag in hanging), f"{name} never latched"
        for other in stage.puppets.values():
            for tag in hanging if other is not puppet else ():
                gaps_m = [gap_to_area_m(s, tag.area) for s in other.strips(now_ns) if tag.area]
                assert min(gaps_m, default=1.0) > 0.0, f"{other.name} in the area of {name}"


def a_replay_gives_the_same(stage: Stage) -> None:
    stage.replay()
    assert stage.replica.digest() == stage.scheduler.digest()


def time_goes_on(stage: Stage) -> None:
    stage = stage
    stage.scheduler.tick(stage.now_ns)
    stage.carry_out()
    wakeup_ns = stage.scheduler.wakeup_ns()
    assert wakeup_ns is not None
    assert wakeup_ns > stage.now_ns, "it would spin"


def memory_is_bounded(stage: Stage) -> None:
    state = stage.scheduler.core.state
    assert state.quarantined == 0, state.alarms
    assert len(state.alarms) <= 8
    assert len(state.answers) <= 6
    assert len(state.commands) <= 100
    assert len(state.consents) <= 20
    assert len(state.closures) <= len(ZONES)
    for node in state.nodes.values():
        assert node.lockout is None or len(node.lockout.tags) <= 40


def _claimed(entry: NodeEntry, puppet: Puppet) -> list[tuple[list[Point], float]]:
    """Give what an entry of the state blocks, worked out anew."""
    width_m = puppet.spec.radius_m + 0.8
    parts: list[tuple[list[Point], float]] = []
    if entry.body is not None:
        parts.append(([entry.body], width_m + (1.0 if entry.vouched else 0.0)))
    granted = entry.granted
    if granted is not None:
        end_m = granted.stop_m + granted.overlap_m
        path = cut_path(granted.path, granted.released_m, end_m)
        parts.append((path, granted.half_width_m))
    return parts
