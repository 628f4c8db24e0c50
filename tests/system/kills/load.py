"""What keeps a site busy while its processes are killed: orders without end, and a talkative node.

The talkative node is played by the test, with its own key: it is not killed, so what it said is
known for certain.
"""

import asyncio
import contextlib

from lunaredge.errors import TimeoutExceeded, TransportError
from lunaredge.ids import OrderId, TaskId
from lunaredge.model.task import Task, TaskKind, WorkOrder
from lunaredge.runtime.client import SiteClient, new_request
from lunaredge.wire.messages import RecordClass, Submit
from lunaredge.wire.records import Alarm, Event
from tests.system.site_run import Puppet, rows

TALKER = "beacon-1"
# Two lots: one is worked on while the next one waits.
OPEN_TASKS_MAX = 4
LOT_KG = 4.0
ANSWER_S = 4.0
# Wall time between two words; 20 a second, of which one in ten is an alarm.
WORD_S = 0.05
# A scheduler that is down takes nothing; what waits is bounded, as on a disk.
WAITING_MAX = 256
ALARMS = 12


class Load:
    """An operator who hands in one lot after the other, and a node that talks."""

    def __init__(self, talker: Puppet, eye: SiteClient) -> None:
        self.talker = talker
        self.orders = 0
        self.said: dict[RecordClass, int] = {RecordClass.ALARM: 0, RecordClass.EVENT: 0}
        """How many records the talker offered; numbers of a stream start at 1."""
        self._eye = eye

    async def order(self) -> None:
        """Hand in lots until this is cancelled."""
        while True:
            tasks = rows(self._eye, "tasks")
            open_count = sum(row["phase"] not in ("done", "failed", "cancelled") for row in tasks)
            if open_count <= OPEN_TASKS_MAX - 2:
                await self._hand_in(self.orders + 1)
                self.orders += 1
            await asyncio.sleep(0.5)

    async def talk(self) -> None:
        """Say something new until this is cancelled."""
        turn = 0
        while True:
            if self.talker.waiting < WAITING_MAX:
                turn += 1
                self._say(turn)
            await self.repeat()

    async def repeat(self) -> None:
        """Say that it is there, and send what is not acknowledged."""
        self.talker.beat()
        self.talker.pump()
        await asyncio.sleep(WORD_S)

    def _say(self, turn: int) -> None:
        if turn % 10:
            self.said[RecordClass.EVENT] += 1
            event = Event(site_ns=turn, code="load", text=f"event {turn}")
            self.talker.upload(RecordClass.EVENT, event)
            return
        self.said[RecordClass.ALARM] += 1
        count, kind = divmod(turn // 10, ALARMS)
        alarm = Alarm(
            site_ns=turn, code=f"load.{kind}", text=f"alarm {turn}", active=count % 2 == 0
        )
        self.talker.upload(RecordClass.ALARM, alarm)

    async def _hand_in(self, lot: int) -> None:
        submit = Submit(request=new_request(), order=order_of(lot))
        while True:
            # What waits for an answer may have been killed: the same request is sent again.
            with contextlib.suppress(TimeoutExceeded, TransportError):
                answer = await self._eye.ask(submit, ANSWER_S)
                assert answer.ok, answer.text
                return


def order_of(lot: int) -> WorkOrder:
    """Give a lot: a field is measured, a heap is dug and carried off. Goals add up."""
    measure = Task(id=TaskId(f"measure-{lot}"), kind=TaskKind.SURVEY, zone="field")
    dig = Task(
        id=TaskId(f"dig-{lot}"),
        kind=TaskKind.EXCAVATE,
        zone="pit",
        pile="pile",
        mass_kg=LOT_KG * lot,
        stand=(40.5, 30.0),
    )
    carry = Task(
        id=TaskId(f"carry-{lot}"),
        kind=TaskKind.HAUL,
        pile="pile",
        mass_kg=LOT_KG,
        stand=(50.0, 30.0),
        to_pile="berm",
        to_stand=(61.0, 40.0),
        after=(TaskId(f"dig-{lot}"),),
    )
    return WorkOrder(id=OrderId(f"lot-{lot}"), title=f"Lot {lot}", tasks=(measure, dig, carry))
