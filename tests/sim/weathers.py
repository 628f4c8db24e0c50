"""Faults for the mutants: to each protection the weather that it is for, and no other."""

from msgspec.structs import replace

from lunaredge.sim.options import FaultOptions, Options, WardenOptions, calm
from lunaredge.units import NS_PER_S


def weather(**faults: float) -> Options:
    """Give a calm network with these faults, and authorities that don't last."""
    return replace(
        calm(), faults=FaultOptions(**faults), safety_s=1_500.0, authority_lifetime_s=120.0
    )


CALM = weather()
DOUBLES = replace(calm(), site=replace(calm().site, duplicate_ratio=0.3), safety_s=300.0)
ATTACKED = weather(inject_s=3.0, kill_scheduler_s=100.0, down_s_max=10.0)
BEREFT = replace(weather(kill_scheduler_s=60.0, down_s_max=400.0), authority_lifetime_s=40.0)
HASTY = replace(
    weather(interfere_s=4.0, haste_ratio=1.0),
    site=replace(calm().site, reorder_ratio=0.3, reorder_ns_max=60 * NS_PER_S),
    safety_s=600.0,
)
UNHEARD = weather(earth_outage_s=30.0, down_s_max=1_400.0)
GUARDED = replace(
    weather(kill_agent_s=30.0, down_s_max=10.0), wardens=WardenOptions(lockout_s=40.0)
)
GUARDED_KILLED = replace(
    weather(kill_agent_s=20.0, down_s_max=30.0), wardens=WardenOptions(lockout_s=60.0)
)
GUARDED_PARTED = replace(
    weather(cut_s=20.0, down_s_max=600.0),
    wardens=WardenOptions(lockout_s=40.0),
    authority_lifetime_s=900.0,
)
DRIVEN = replace(CALM, wardens=WardenOptions(lockout_s=40.0))
KILLED = weather(kill_scheduler_s=30.0, down_s_max=5.0)
SPLIT = weather(split_s=60.0, down_s_max=300.0)
PARTED = weather(cut_s=20.0, down_s_max=600.0)
FROZEN = replace(weather(freeze_s=2.0, freeze_s_max=120.0), authority_lifetime_s=60.0)
CLOSING = replace(CALM, wardens=WardenOptions(close_s=60.0))
CLOSING_PARTED = replace(PARTED, wardens=WardenOptions(close_s=60.0), authority_lifetime_s=900.0)
BRIEF = replace(weather(kill_agent_s=20.0, down_s_max=120.0), authority_lifetime_s=40.0)
LATE = replace(weather(slow_way_s=10.0, down_s_max=600.0), authority_lifetime_s=40.0)
RUNNING_WRONG = weather(inject_s=3.0, run_clock_s=20.0, down_s_max=600.0)
STOPPING = weather(interfere_s=30.0)
REBORN = weather(kill_agent_s=60.0, cut_s=60.0, down_s_max=100.0)
RESTORED = replace(weather(old_image_s=15.0), authority_lifetime_s=300.0)
FALLING = replace(
    weather(kill_scheduler_s=10.0, down_s_max=5.0),
    disk=replace(calm().disk, commit_ns_max=2 * NS_PER_S),
    safety_s=300.0,
)
UNKEPT = replace(
    weather(kill_archive_s=10.0, down_s_max=5.0),
    disk=replace(calm().disk, commit_ns_max=2 * NS_PER_S),
    safety_s=600.0,
)
LOSSY = replace(calm(), site=replace(calm().site, loss_ratio=0.3), safety_s=600.0)
LOST = weather(mishap_s=4.0, down_s_max=300.0)
CARRIED = weather(carry_s=60.0)
CARRIED_UNHEARD = replace(CARRIED, site=replace(CARRIED.site, loss_ratio=0.3))
VOUCHED = replace(
    weather(cut_s=20.0, down_s_max=600.0),
    wardens=WardenOptions(vouch_s=5.0),
    authority_lifetime_s=900.0,
)
CARRIED_AND_PARTED = weather(carry_s=60.0, cut_s=20.0, down_s_max=600.0)
TIGHT = replace(calm(), tight_batteries=True)
