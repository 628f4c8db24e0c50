from lunaredge.runtime.standby import Leader
from lunaredge.units import NS_PER_S

PATIENCE_NS = 90 * NS_PER_S


def silent_at(leader, now_s):
    return leader.is_silent(now_s * NS_PER_S, PATIENCE_NS)


def test_a_leader_is_silent_after_three_turns_without_a_word():
    leader = Leader(heard_ns=100 * NS_PER_S, connected_ns=0)

    assert not silent_at(leader, 189)
    assert silent_at(leader, 190)


def test_a_leader_that_nobody_could_hear_was_not_silent():
    parted = Leader(heard_ns=100 * NS_PER_S, connected_ns=None)
    back = Leader(heard_ns=100 * NS_PER_S, connected_ns=1_000 * NS_PER_S)

    assert not silent_at(parted, 1_000)
    assert not silent_at(back, 1_089)
    assert silent_at(back, 1_090)


def test_a_leader_never_heard_is_silent_in_time():
    leader = Leader(heard_ns=None, connected_ns=0)

    assert not silent_at(leader, 89)
    assert silent_at(leader, 90)
