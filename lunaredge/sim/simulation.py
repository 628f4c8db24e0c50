"""One simulated site: every node in its shell, its brokers, its link, its machines and its people.

Assembles; lets nothing go wrong by itself and judges nothing. The nodes are the production
classes, told their boot, their keys and the time, and nothing else.
"""

import msgspec

from lunaredge.agent.config import AgentConfig
from lunaredge.agent.node import AgentNode
from lunaredge.ids import BootId, ClientId, KeyId, NodeId
from lunaredge.machine.world import World
from lunaredge.model.fleet import NodeSpec
from lunaredge.node import Archive, Persist
from lunaredge.scheduler.config import SchedulerConfig
from lunaredge.scheduler.node import SchedulerNode
from lunaredge.sim.checkers import evidence as seen
from lunaredge.sim.checkers.witness import Witness
from lunaredge.sim.compute import Computers, Solver
from lunaredge.sim.disk import StorageEffect
from lunaredge.sim.field import SAMPLE_PERIOD_S, Field
from lunaredge.sim.jury import Jury
from lunaredge.sim.network import Message, Network
from lunaredge.sim.options import Options
from lunaredge.sim.people import Person
from lunaredge.sim.process import Ports, Process, ProcessOptions, Surroundings
from lunaredge.sim.rng import Streams
from lunaredge.sim.scenario import OPERATOR, Keys, Scenario
from lunaredge.sim.spacelink import SpaceLink
from lunaredge.sim.timeline import Timeline
from lunaredge.sim.trace import Trace
from lunaredge.wire import messages, spool, topics
