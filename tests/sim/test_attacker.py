"""The attacker plays back only what its node has taken, and deposes only whom it has obeyed."""

import random

import pytest

from lunaredge.ids import BootId, CommandId, NodeId, TaskId
from lunaredge.sim.attacker import Attacker
from lunaredge.sim.options import calm
from lunaredge.sim.rng import Streams
from lunaredge.sim.scenario import small
from lunaredge.sim.simulation import Overheard, Simulation
from lunaredge.sim.trace import Trace
from lunaredge.units import NS_PER_S
from lunaredge.wire import messages, topics
from lunaredge.wire.codec import Header, decode, encode

NODE = NodeId("rover-1")
EPOCH = 7


class Eavesdropper:
    """An attacker, and what it hears."""

    def __init__(self):
        self.sim = Simulation(small(), calm(), Streams(1), Trace(0))
        self.attacker = Attacker(self.sim, random.Random(1), 0.0)

    def hears(self, sender, channel, body, epoch=0):
        header = Header(
            node=sender,
            boot=BootId(1),
            number=1,
            local_ns=0,
            site_ns=0,
            clock_error_ns=0,
            epoch=epoch,
        )
        topic = topics.build(self.sim.scenario.site.name, NODE, channel)
        payload = encode(header, body, self.sim.keys.signer(sender))
        frame = decode(payload, self.sim.keys.keyring)
        self.attacker.overhear(Overheard(sender, payload, topics.parse(topic), frame))

    def hears_command(self, epoch):
        body = messages.Cancel(command=CommandId("c1"), task=TaskId("dig"), attempt=1)
        self.hears(topics.SCHEDULER, "cmd", body, epoch)

    def hears_reply(self):
        self.hears(NODE, "reply", messages.CommandReply(command=CommandId("c1"), ok=True))

    def hears_of_epoch(self, epoch):
        situation = messages.Situation(
            state="idle",
            autonomy=messages.Autonomy.A0,
            x_m=0.0,
            y_m=0.0,
            heading_rad=0.0,
            pose_error_m=0.1,
            at_rest=True,
            brake_ratio=1.0,
            battery_wh=None,
            payload_kg=0.0,
            authority=None,
            task=None,
            attempt=0,
            progress_ratio=0.0,
            stops=(),
            held=False,
            epoch=epoch,
            spool_count=0,
            refused={},
            produced={},
            dropped={},
        )
        self.hears(NODE, "node", messages.Heartbeat(situation=situation))

    def replays(self):
        return self.attacker._replayed(NODE)

    def deposes(self):
        attack = self.attacker._deposed(NODE)
        return None if attack is None else decode(attack.payload, self.sim.keys.keyring)


@pytest.fixture
def stranger():
    return Eavesdropper()


def test_a_command_is_played_back_once_it_is_answered(stranger):
    stranger.hears_of_epoch(EPOCH)
    stranger.hears_command(EPOCH)

    assert stranger.replays() is None
    stranger.hears_reply()
    assert stranger.replays() is not None


def test_a_copy_of_a_new_leader_is_no_replay_before_its_node_obeys_that_leader(stranger):
    stranger.hears_reply()
    stranger.hears_of_epoch(EPOCH)
    stranger.hears_command(EPOCH + 1)

    assert stranger.replays() is None
    stranger.hears_of_epoch(EPOCH + 1)
    assert stranger.replays() is not None


@pytest.mark.parametrize("stalled", [False, True])
def test_a_node_whose_words_wait_for_its_disk_need_not_show_the_count_yet(stalled):
    stranger = Eavesdropper()
    process, shown = stranger.sim.processes[NODE], []
    process.stalled = stalled
    process.start()
    end = stranger.sim.timeline.after(NS_PER_S, lambda: None)
    while end.live:
        stranger.sim.timeline.step()
    stranger.sim.jury.see = shown.append

    stranger.attacker._hand_over(NODE, NODE, stranger.attacker._unsigned(NODE))

    assert [(injected.kind, injected.counted) for injected in shown] == [("unsigned", not stalled)]


def test_an_old_leader_of_a_node_is_older_than_the_one_that_it_obeys(stranger):
    stranger.hears_reply()
    stranger.hears_command(EPOCH + 1)

    assert stranger.deposes() is None
    stranger.hears_of_epoch(EPOCH)
    assert stranger.deposes().header.epoch == EPOCH - 1
