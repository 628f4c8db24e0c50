"""Pieces of evidence for the checkers' tests, as short to write as they are to read."""

from lunaredge.model.fleet import Fleet, MachineSpec, NodeSpec
from lunaredge.model.polyline import length_m
from lunaredge.sim.checkers import evidence as seen
from lunaredge.units import NS_PER_S
from lunaredge.wire.messages import HeldAuthority

MINUTE_NS = 60 * NS_PER_S


def machine(name):
    spec = MachineSpec(
        length_m=2.0,
        width_m=2.0,
        mass_kg=500.0,
        speed_m_s_max=1.0,
        turn_deg_s=20.0,
        deceleration_m_s2=0.4,
        slope_deg_max=15.0,
        payload_kg_max=0.0,
        battery_wh=1000.0,
        reserve_wh=100.0,
        idle_w=10.0,
        drive_w=100.0,
        charge_w=100.0,
        tool_width_m=2.0,
        work_speed_m_s=0.5,
        dig_kg_s=1.0,
        load_kg_s=1.0,
        dig_wh_kg=0.1,
    )
    return NodeSpec(name=name, kind="test", capabilities=(), machine=spec, home=(0.0, 0.0))


FLEET = Fleet(nodes=(machine("a"), machine("b")))


def truth(at_s, *bodies, battery_wh=900.0, works=False):
    return seen.Truth(
        at_ns=at_s * NS_PER_S,
        bodies=tuple(
            seen.TrueBody(name, x, y, 0.0, speed, battery_wh, works) for name, x, y, speed in bodies
        ),
    )


def asked(at_s, number, *, machine="a", boot=1, renewal=False):
    return seen.Asked(
        at_ns=at_s * NS_PER_S, machine=machine, boot=boot, request_no=number, renewal=renewal
    )


def holding(released_m, *, stop_m=10.0, revision=1, at_stop=False, station_m=0.0):
    return HeldAuthority(
        id="ma1",
        released_m=released_m,
        stop_m=stop_m,
        revision=revision,
        at_stop=at_stop,
        station_m=station_m,
    )


def renewed(at_s, number, *, stop_m, revision=1):
    return seen.Renewed(
        at_ns=at_s * NS_PER_S,
        machine="a",
        authority="ma1",
        request_no=number,
        stop_m=stop_m,
        revision=revision,
        lifetime_ns=MINUTE_NS,
    )


def granted(at_s, number, path, *, machine="a", authority="ma1", stop_m=None, home_s=0, epoch=0):
    return seen.Granted(
        at_ns=at_s * NS_PER_S,
        machine=machine,
        command=f"grant-{authority}",
        authority=authority,
        request_no=number,
        path=path,
        stop_m=length_m(path) if stop_m is None else stop_m,
        overlap_m=0.0,
        revision=1,
        half_width_m=2.5,
        lifetime_ns=MINUTE_NS,
        home_lifetime_ns=home_s * NS_PER_S,
        epoch=epoch,
    )


def replied(at_s, authority, *, node="a", ok=True, boot=1):
    return seen.Replied(
        at_ns=at_s * NS_PER_S,
        node=node,
        boot=boot,
        command=f"grant-{authority}",
        ok=ok,
        reason="",
    )


def situated(at_s, held=None, *, node="a", boot=1, at_rest=True, refused=None, locks=(), epoch=0):
    return seen.Situated(
        at_ns=at_s * NS_PER_S,
        node=node,
        boot=boot,
        at_rest=at_rest,
        posed=True,
        authority=held,
        refused=refused or {},
        locks=locks,
        epoch=epoch,
    )


def watch(checker, *evidence):
    for piece in evidence:
        checker.see(piece)
    checker.finish(evidence[-1].at_ns)
    return [violation.text for violation in checker.violations]
