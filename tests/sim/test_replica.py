"""The replica: it follows a scheduler's disk, and reads it anew when it is another one."""

from lunaredge.ids import BootId
from lunaredge.node import Erase, Persist, Row
from lunaredge.scheduler.node import CHECKPOINT, JOURNAL, SchedulerNode
from lunaredge.sim.disk import Disk
from lunaredge.sim.options import calm
from lunaredge.sim.replica import Replica
from lunaredge.sim.scenario import Keys, small
from lunaredge.sim.simulation import new_scheduler
from lunaredge.units import NS_PER_S

SCENARIO = small()
KEYS = Keys(SCENARIO.fleet)
NOW_NS = SCENARIO.start_ns


def make():
    return new_scheduler(SCENARIO, calm(), KEYS, BootId(1))


class Led:
    """A scheduler that leads on a disk; each turn is an input."""

    def __init__(self):
        self.disk = Disk()
        self.node = make()
        self.node.restore([], NOW_NS)
        self.turns = 0
        self.write()

    def write(self):
        self.disk.commit([e for e in self.node.take_effects() if isinstance(e, Persist | Erase)])

    def turn(self):
        self.turns += 1
        now_ns = NOW_NS + self.turns * NS_PER_S
        (self.node.connected if self.turns % 2 else self.node.disconnected)(now_ns)
        self.write()


def counted(monkeypatch):
    seen = []
    honest = SchedulerNode.replay

    def replay(self, rows):
        taken = list(rows)
        seen.append(len(taken))
        return honest(self, taken)

    monkeypatch.setattr(SchedulerNode, "replay", replay)
    return seen


def test_a_replica_gives_what_the_living_scheduler_is():
    led, replica = Led(), Replica(make)

    for _ in range(5):
        led.turn()

        assert replica.digest(led.disk) == led.node.digest()


def test_a_replica_reads_only_what_is_new(monkeypatch):
    led, replica = Led(), Replica(make)
    for _ in range(10):
        led.turn()
    read = counted(monkeypatch)

    replica.digest(led.disk)
    led.turn()
    replica.digest(led.disk)

    assert read[0] > 10
    assert read[1] < 5


def test_an_older_disk_is_read_anew():
    led, replica = Led(), Replica(make)
    led.turn()
    older, digest = led.disk.rows(), led.node.digest()
    led.turn()
    led.turn()
    replica.digest(led.disk)

    image = Disk()
    image.commit([_persisted(row) for row in older])

    assert replica.digest(image) == digest


def test_a_disk_of_which_only_the_newest_entry_is_alike_is_read_anew(monkeypatch):
    led, replica = Led(), Replica(make)
    for _ in range(6):
        led.turn()
    replica.digest(led.disk)
    *earlier, before, newest = led.disk.rows()
    image = Disk()
    other = Row(before.table, before.scope, before.number, earlier[-1].value)
    image.commit([_persisted(row) for row in (*earlier, other, newest)])
    read = counted(monkeypatch)

    replica.digest(image)

    assert read == [len(earlier) + 2]


def test_a_checkpoint_of_another_past_is_read_anew():
    led, other, replica = Led(), Led(), Replica(make)
    led.turn()
    replica.digest(led.disk)
    other.node.core.state.version += 7
    entries = [row.number for row in led.disk.rows() if row.table == JOURNAL]

    image = Disk()
    image.commit([Persist(CHECKPOINT, "", max(entries), other.node.core.state.encoded())])

    assert replica.digest(image) == other.node.digest()


def test_a_scheduler_that_is_not_what_its_disk_gives_is_noticed():
    led, replica = Led(), Replica(make)
    led.turn()
    replica.digest(led.disk)

    led.node.core.state.version += 1
    led.turn()

    assert replica.digest(led.disk) != led.node.digest()


def _persisted(row):
    return Persist(row.table, row.scope, row.number, row.value)
