"""What a seed makes of a run: swarm options. Some faults are off, some extreme.

A run in which everything is always a little broken finds less than one in which a few things are
very broken; so each kind of fault is switched on or off by its own draw, and in most runs few of
them stay on: where all is broken hardly any work is done, and what goes wrong at work is not met.
"""

import random
from typing import TypeVar

import msgspec

from lunaredge.earth.channel import Mishaps
from lunaredge.sim.network import NetworkOptions
from lunaredge.sim.process import ProcessOptions
from lunaredge.units import NS_PER_MS, NS_PER_S, ns_from_s
from lunaredge.wire.messages import OnLoss

# The default drift bound that agents assume; a real clock stays inside it.
DRIFT_PPB_MAX = 90_000
# The longest safety phase that a seed draws; `--hours` may ask for a longer one.
SAFETY_S_MAX = 3_600.0

T = TypeVar("T", bound=msgspec.Struct)


class FaultOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Mean times between faults of a kind, in virtual seconds; 0 switches the kind off."""

    kill_scheduler_s: float = 0.0
    standby: bool = False
    """A second scheduler waits for the lead, as often as one is left over."""
    split_s: float = 0.0
    """A second scheduler leads on a copy of the disk, until one of the two is lost for good."""
    old_image_s: float = 0.0
    """The scheduler's disk is lost, and it begins again on an image from minutes ago."""
    kill_agent_s: float = 0.0
    kill_gateway_s: float = 0.0
    kill_archive_s: float = 0.0
    kill_earth_s: float = 0.0
    kill_broker_s: float = 0.0
    cut_s: float = 0.0
    half_cut_s: float = 0.0
    earth_outage_s: float = 0.0
    stall_disk_s: float = 0.0
    """A disk that takes no writes for a while: full, or busy with itself."""
    lose_agent_s: float = 0.0
    """An agent that is gone until everything is healed."""
    step_clock_s: float = 0.0
    """A board's own clock jumps ahead or back."""
    run_clock_s: float = 0.0
    """A board's own clock runs fast or slow, for a while or until everything is healed."""
    freeze_s: float = 0.0
    """A process doesn't run for a while, and its clock goes on or not."""
    freeze_s_max: float = 300.0
    partition_s: float = 0.0
    """A group of nodes is cut off together."""
    slow_way_s: float = 0.0
    """What goes to a node, or what comes from it, takes longer: one way, not the other."""
    fill_disk_s: float = 0.0
    """A disk has no room: its process ends after a minute of trying."""
    rot_rows_s: float = 0.0
    """Rows of an agent's store are damaged."""
    cut_power_s: float = 0.0
    """A process dies between two effects, or just before or after a commit."""
    mishap_s: float = 0.0
    """Something goes wrong with a machine: it slips, sticks, is slow or silent, is lost, brakes
    badly, or has less energy than it tells."""
    carry_s: float = 0.0
    """People lift a machine that stands, and put it into somebody's way."""
    inject_s: float = 0.0
    interfere_s: float = 0.0
    cancel_s: float = 0.0
    down_s_max: float = 60.0
    """How long a killed process or a cut lasts at most."""
    relapse_ratio: float = 0.0
    """The chance that a process dies again within seconds of its restart."""
    haste_ratio: float = 0.0
    """The chance that people take back within a second what they have just begun."""


class WardenOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Mean times between what the wardens do, in virtual seconds; 0 is never."""

    lockout_s: float = 0.0
    close_s: float = 0.0
    vouch_s: float = 0.0


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """Everything drawn for one run."""

    site: NetworkOptions
    earth: NetworkOptions
    mishaps: Mishaps
    disk: ProcessOptions
    faults: FaultOptions
    drift_ppb_max: int
    zero_ns_max: int
    """The boards' own clocks begin below this; a small one is a board that boots in 1970."""
    solve_ns_max: int
    """A solver's answer comes within this time."""
    safety_s: float
    """Length of the phase with faults."""
    submit_s_max: float
    """The job is handed in within this time, whatever the links and nodes are at then."""
    approve_s_max: float
    """Earth's people answer within this time."""
    setpoint_lifetime_s: float
    """A set-point dies in its controller after this time."""
    authority_lifetime_s: float
    tight_batteries: bool
    """Batteries hold no more than the scenario's job can be done with."""
    checkpoint_entries: int
    """Journal entries between the scheduler's checkpoints."""
    wardens: WardenOptions = WardenOptions()
    on_loss: OnLoss = OnLoss.STOP_POINT
    """What machines do with their authorities when nobody is heard."""
    go_home_after_s: float = 900.0


def told(options: Options) -> list[str]:
    """Give what was drawn for people to read, a line for each group; what is 0 is left out."""
    groups: dict[str, dict[str, object]] = {"": {}}
    for name, value in msgspec.structs.asdict(options).items():
        if isinstance(value, msgspec.Struct):
            groups[f"{name}: "] = msgspec.structs.asdict(value)
        else:
            groups[""][name] = value
    lines = {
        group: ", ".join(f"{name} {value}" for name, value in values.items() if value)
        for group, values in groups.items()
    }
    return [group + line for group, line in lines.items() if line]


def draw(rng: random.Random) -> Options:
    """Draw the options of a run."""
    options = _draw(rng)
    leaders = random.Random(f"{rng.random()}/leaders")
    declared = random.Random(f"{rng.random()}/on_loss")
    carriers = random.Random(f"{rng.random()}/carry")
    lookers = random.Random(f"{rng.random()}/vouch")
    thinner = random.Random(f"{rng.random()}/thin")
    options = _with_habits(declared, _with_leaders(leaders, options))
    options = _with_lookers(lookers, _with_carriers(carriers, options))
    return _kept_apart(thinner, _thinned(thinner, options))


def _draw(rng: random.Random) -> Options:
    return Options(
        site=_network(rng),
        earth=_network(rng),
        mishaps=Mishaps(
            loss_ratio=rng.choice((0.0, 0.0, 0.02, 0.3)),
            duplicate_ratio=rng.choice((0.0, 0.0, 0.05)),
            reorder_ratio=rng.choice((0.0, 0.0, 0.1)),
        ),
        disk=ProcessOptions(
            commit_ns_min=NS_PER_MS,
            commit_ns_max=rng.choice((5, 50, 2_000)) * NS_PER_MS,
        ),
        faults=_faults(rng),
        drift_ppb_max=rng.choice((0, DRIFT_PPB_MAX)),
        zero_ns_max=rng.choice((1, 10 * NS_PER_S, 2**50)),
        solve_ns_max=ns_from_s(rng.choice((0.1, 2.0, 30.0))),
        safety_s=rng.choice((600.0, 1_800.0, SAFETY_S_MAX)),
        submit_s_max=rng.choice((0.0, 0.0, 2_400.0)),
        approve_s_max=rng.choice((10.0, 300.0, 3_000.0)),
        setpoint_lifetime_s=rng.choice((2.0, 5.0, 15.0)),
        authority_lifetime_s=rng.choice((120.0, 300.0, 900.0)),
        tight_batteries=rng.random() < 0.3,
        checkpoint_entries=rng.choice((50, 1_000, 20_000)),
        # Drawn last: what was drawn before stays what it was.
        wardens=WardenOptions(
            lockout_s=rng.choice((0.0, 30.0, 120.0)), close_s=rng.choice((0.0, 100.0, 400.0))
        ),
    )


def calm() -> Options:
    """Give the options of a run in which nothing goes wrong."""
    network = NetworkOptions(
        delay_ns_min=NS_PER_MS, delay_ns_max=20 * NS_PER_MS, notice_ns_max=2 * NS_PER_S
    )
    return Options(
        site=network,
        earth=network,
        mishaps=Mishaps(),
        disk=ProcessOptions(commit_ns_min=NS_PER_MS, commit_ns_max=5 * NS_PER_MS),
        faults=FaultOptions(),
        drift_ppb_max=0,
        zero_ns_max=2**50,
        solve_ns_max=100 * NS_PER_MS,
        safety_s=0.0,
        submit_s_max=0.0,
        approve_s_max=10.0,
        setpoint_lifetime_s=2.0,
        authority_lifetime_s=900.0,
        tight_batteries=False,
        checkpoint_entries=20_000,
    )


def healed(network: NetworkOptions) -> NetworkOptions:
    """Give a network that is good but for its delay."""
    return msgspec.structs.replace(
        network,
        loss_ratio=0.0,
        duplicate_ratio=0.0,
        reorder_ratio=0.0,
        damage_ratio=0.0,
        delay_ns_max=NS_PER_S,
    )


def _network(rng: random.Random) -> NetworkOptions:
    return NetworkOptions(
        delay_ns_min=NS_PER_MS,
        delay_ns_max=rng.choice((20, 200, 3_000)) * NS_PER_MS,
        loss_ratio=rng.choice((0.0, 0.0, 0.01, 0.2)),
        duplicate_ratio=rng.choice((0.0, 0.0, 0.02, 0.2)),
        reorder_ratio=rng.choice((0.0, 0.0, 0.05, 0.3)),
        reorder_ns_max=rng.choice((1, 10, 60)) * NS_PER_S,
        damage_ratio=rng.choice((0.0, 0.0, 0.01, 0.1)),
        notice_ns_max=rng.choice((1, 20)) * NS_PER_S,
        keeps_sessions=rng.random() < 0.5,
    )


def _faults(rng: random.Random) -> FaultOptions:
    return FaultOptions(
        kill_scheduler_s=rng.choice((0.0, 120.0, 600.0)),
        kill_agent_s=rng.choice((0.0, 60.0, 300.0)),
        kill_gateway_s=rng.choice((0.0, 300.0)),
        kill_archive_s=rng.choice((0.0, 60.0, 300.0)),
        kill_earth_s=rng.choice((0.0, 300.0)),
        kill_broker_s=rng.choice((0.0, 300.0, 1_200.0)),
        cut_s=rng.choice((0.0, 90.0, 400.0)),
        half_cut_s=rng.choice((0.0, 300.0)),
        earth_outage_s=rng.choice((0.0, 600.0)),
        stall_disk_s=rng.choice((0.0, 0.0, 200.0)),
        lose_agent_s=rng.choice((0.0, 0.0, 0.0, 2_000.0)),
        step_clock_s=rng.choice((0.0, 0.0, 0.0, 30.0, 300.0)),
        run_clock_s=rng.choice((0.0, 0.0, 0.0, 60.0, 600.0)),
        freeze_s=rng.choice((0.0, 0.0, 0.0, 20.0, 200.0)),
        mishap_s=rng.choice((0.0, 0.0, 60.0, 400.0)),
        cut_power_s=rng.choice((0.0, 0.0, 30.0, 200.0)),
        partition_s=rng.choice((0.0, 0.0, 0.0, 200.0, 900.0)),
        slow_way_s=rng.choice((0.0, 0.0, 60.0, 400.0)),
        fill_disk_s=rng.choice((0.0, 0.0, 0.0, 300.0)),
        rot_rows_s=rng.choice((0.0, 0.0, 0.0, 60.0, 600.0)),
        freeze_s_max=rng.choice((5.0, 60.0, 300.0)),
        inject_s=rng.choice((0.0, 20.0, 120.0)),
        interfere_s=rng.choice((0.0, 40.0, 200.0)),
        cancel_s=rng.choice((0.0, 0.0, 0.0, 600.0)),
        down_s_max=rng.choice((5.0, 60.0, 400.0)),
        relapse_ratio=rng.choice((0.0, 0.0, 0.7)),
        haste_ratio=rng.choice((0.3, 0.8)),
    )


def _with_habits(rng: random.Random, options: Options) -> Options:
    """Draw what machines do when nobody is heard; for a trip home, that has to last."""
    on_loss = rng.choice((OnLoss.STOP_POINT, OnLoss.STOP_POINT, OnLoss.STOP, OnLoss.HOME))
    if on_loss is not OnLoss.HOME:
        return msgspec.structs.replace(options, on_loss=on_loss)
    options = _with_faults(options, down_s_max=400.0)
    return msgspec.structs.replace(options, on_loss=on_loss, go_home_after_s=60.0)


def _with_leaders(rng: random.Random, options: Options) -> Options:
    """Draw who leads besides."""
    standby = rng.random() < 0.5
    split_s = rng.choice((0.0, 300.0, 1_200.0))
    old_image_s = rng.choice((0.0, 600.0, 1_800.0))
    return _with_faults(options, standby=standby, split_s=split_s, old_image_s=old_image_s)


def _with_carriers(rng: random.Random, options: Options) -> Options:
    """Draw how often people carry machines about."""
    return _with_faults(options, carry_s=rng.choice((0.0, 0.0, 200.0, 900.0)))


def _with_lookers(rng: random.Random, options: Options) -> Options:
    """Draw how often people look where machines stand."""
    vouch_s = rng.choice((0.0, 0.0, 0.0, 30.0, 200.0))
    wardens = msgspec.structs.replace(options.wardens, vouch_s=vouch_s)
    return msgspec.structs.replace(options, wardens=wardens)


def _with_faults(options: Options, **faults: float) -> Options:
    changed = msgspec.structs.replace(options.faults, **faults)
    return msgspec.structs.replace(options, faults=changed)


def _thinned(rng: random.Random, options: Options) -> Options:
    """Leave each kind of trouble on by a chance that is one for the whole run."""
    kept_ratio = rng.choice((0.25, 0.5, 1.0))

    def thin(troubles: T, suffix: str) -> T:
        rates = [name for name in troubles.__struct_fields__ if name.endswith(suffix)]
        off = {name: 0.0 for name in rates if rng.random() >= kept_ratio}
        return msgspec.structs.replace(troubles, **off)

    return msgspec.structs.replace(
        options,
        site=thin(options.site, "_ratio"),
        earth=thin(options.earth, "_ratio"),
        mishaps=thin(options.mishaps, "_ratio"),
        faults=thin(options.faults, "_s"),
        wardens=thin(options.wardens, "_s"),
    )


def _kept_apart(rng: random.Random, options: Options) -> Options:
    """Switch off what nobody could tell from a fault of the site beside something else.

    A hold, a tag or a closed zone that only a lost disk knew as taken back would have to be taken
    back again, so disks are lost or people interfere. And nobody is carried into zones that are
    shown clear of them.
    """
    if rng.random() < 0.5:
        options = _with_faults(options, split_s=0.0, old_image_s=0.0)
    if options.faults.split_s or options.faults.old_image_s:
        options = _with_faults(options, interfere_s=0.0, cancel_s=0.0)
        return msgspec.structs.replace(options, wardens=WardenOptions())
    return _with_faults(options, carry_s=0.0) if options.wardens.close_s else options
