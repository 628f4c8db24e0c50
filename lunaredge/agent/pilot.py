"""The machine's side of the agent: from a task in hand to set-points.

Moves through a leg: come to rest, ask, drive, work, next. Everything is judged anew after each
input (`settle`), so that there is one place where a machine is set in motion and one list of
reasons (`permit`) that forbid it. Knows no signature, no epoch and no operator: `node` tells what
they come to.
"""

import msgspec

from lunaredge.agent import authority, permit, speed, tasks
from lunaredge.agent.authority import Lease
from lunaredge.agent.config import AgentConfig
from lunaredge.agent.helm import Helm, Steering
from lunaredge.agent.homing import Homing
from lunaredge.agent.leasing import Leasing
from lunaredge.agent.outlet import Outlet
from lunaredge.agent.permit import INTERRUPTION, Blocker, Facts
from lunaredge.agent.recorder import Recorder
from lunaredge.agent.stall import Patience, StallWatch
from lunaredge.agent.states import Course, Event, State
from lunaredge.agent.tasks import LEG_TABLE, TASK_TABLE, End, MachineTask, Steps
from lunaredge.agent.terrain import ScanLog
from lunaredge.ids import BootId
from lunaredge.model.task import Tool
from lunaredge.node import Level
from lunaredge.units import ns_from_s
from lunaredge.wire.driver import Hello, Sample
from lunaredge.wire.messages import (
    Assign,
    AuthorityRenewal,
    AuthorityRequest,
    Grant,
    HeldAuthority,
    OnLoss,
    Shorten,
)
from lunaredge.wire.records import TaskOutcome

# The longest chain of steps at one instant: arrived, leg done, asked; or task done, authority
# given up, idle. Two more for what a change of reasons adds.
_STEPS_MAX = 6
# Off the corridor this often in one leg, the leg can't be driven as it is.
_STRAYED_MAX = 3
# Nor where it was asked for anew this often, and an obstacle still stood there.
_BLOCKED_MAX = 5
_encoder = msgspec.msgpack.Encoder()


class World(msgspec.Struct, frozen=True, kw_only=True):
    """What the node tells its pilot of the rest of the world."""

    proven: bool
    stopped: bool
    locked: bool
    held: bool
    clock_good: bool
    clock_error_ns: int | None
    """None while site time is not known."""
    reachable: bool


class Pilot:
    """Drives one machine through its task. On a board without a machine it stands by."""

    def __init__(
        self, config: AgentConfig, boot: BootId, outlet: Outlet, recorder: Recorder, course: Course
    ) -> None:
        self.helm = Helm(config, boot, outlet)
        self.leasing = Leasing(config, boot)
        self.homing = Homing(config, self.helm, self.leasing)
        self.task: MachineTask | None = None
        self.blocker: Blocker | None = Blocker.UNPROVEN
        self._config = config
        self._outlet = outlet
        self._recorder = recorder
        self._course = course
        self._scans = ScanLog()
        self._stall = StallWatch(ns_from_s(config.stall_s))
        self._strayed = False
        self._strayed_count = self._blocked_count = 0
        self._disputed = False
        self._started_ns: int | None = None
        self._patience = Patience(ns_from_s(config.wait_s))
        """How long it has stood at a stop point, or before an obstacle."""

    # --- what it is told -----------------------------------------------------------------------

    def attached(self, hello: Hello, now_ns: int) -> str | None:
        """Take a controller; give the reason where it is refused."""
        reason = self.helm.attached(hello, now_ns)
        if reason is None:
            self.leasing.allow_for(self.helm.run_on_ns)
        return reason

    def sense(self, sample: Sample, measured_ns: int) -> str | None:
        """Take a sample measured then; give the reason where it is refused."""
        reason = self.helm.sense(sample, measured_ns)
        if reason is not None:
            return reason
        lease = self.leasing.lease
        if lease is not None:
            if self.helm.is_following(sample) and self.homing.under_way:
                lease = authority.moved_back(lease, sample)
            elif self.helm.is_following(sample):
                lease = authority.moved(lease, sample, self._config.release_gap_m)
            # A station that the place contradicts gives nothing back.
            outside = not authority.contains(lease, (sample.x_m, sample.y_m))
            self.leasing.lease = self.leasing.lease if outside else lease
            self._strayed = self._strayed or outside
        if self.task is not None and self.task.leg.tool is Tool.SCANNER:
            for patch in self._scans.add(sample.scan):
                self._recorder.patch(self.task.assign.task, patch, measured_ns)
        return None

    def assign(self, assign: Assign, now_ns: int) -> None:
        """Take a task that is in hand durably."""
        self.resume(assign, Steps())
        self._stall.restart(now_ns)

    def resume(self, assign: Assign, steps: Steps) -> None:
        """Take up a task where an earlier life left it."""
        assert self.task is None
        assert steps.leg_index < len(assign.legs)
        self.task = MachineTask(assign=assign, steps=steps)

    def cancel(self, now_ns: int) -> None:
        """Come to rest and give the task up."""
        assert self.task is not None
        self._finish(TaskOutcome.CANCELLED, "", now_ns)

    def refusal(self, grant: Grant, now_ns: int) -> str | None:
        """Give why a grant can't be taken; None where nothing speaks against it."""
        sample = self.helm.fresh(now_ns)
        if sample is None or not self.helm.at_rest(now_ns):
            return "pose"
        return self.leasing.refusal(grant, sample, now_ns)

    def shortened(self, shorten: Shorten, now_ns: int) -> str | None:
        """Take a nearer stop point; give the reason where it is refused."""
        before = self.leasing.lease
        resting = self.helm.fresh(now_ns) if self.helm.at_rest(now_ns) else None
        reason = self.leasing.shortened(shorten, self.helm.rolling_m, resting)
        lease = self.leasing.lease
        if reason is None and lease is not None:
            if lease is not before and lease.stop_m > shorten.stop_m:
                # Too late to stop there: it brakes now, and has no use for what it may roll over.
                self.leasing.lease = lease = msgspec.structs.replace(lease, spent=True)
                self.helm.halt(now_ns)
            text = f"{shorten.authority} to {lease.stop_m:.1f} m"
            self._recorder.event("authority_shortened", text, now_ns)
        return reason

    def dispute(self, now_ns: int) -> bool:
        """Come to rest and give a disputed authority up; tell whether it was not disputed yet."""
        assert self.leasing.lease is not None
        is_news, self._disputed = not self._disputed, True
        self.helm.halt(now_ns)
        return is_news

    def clock_jumped(self, now_ns: int) -> None:
        """Trust no time measured before now."""
        self.helm.clock_jumped(now_ns)
        self.leasing.revoke(now_ns)
        self.homing.clock_jumped(now_ns)
        self._stall.restart(now_ns)
        self._patience.restart()

    # --- what it says --------------------------------------------------------------------------

    @property
    def held_authority(self) -> HeldAuthority | None:
        """What is held and how much of it is given back."""
        lease = self.leasing.lease
        return None if lease is None else authority.held(lease)

    @property
    def progress_ratio(self) -> float:
        """How much of the task is done; 0.0 without one."""
        if self.task is None:
            return 0.0
        lease, sample = self.leasing.lease, self.helm.last
        if lease is None or lease.spent:
            return self.task.progress_ratio(0.0)
        if self.task.leg.goal is None:
            from_m = min(lease.grant.from_m, lease.station_m)
            leg_m = max(lease.length_m - from_m, 1e-9)
            return self.task.progress_ratio((lease.station_m - from_m) / leg_m)
        if not lease.at_stop or sample is None or sample.work is None:
            return self.task.progress_ratio(0.0)
        return self.task.progress_ratio(sample.work.progress_ratio)

    def wakeup_ns(self, now_ns: int) -> int | None:
        """Say when something of the machine's is next due."""
        times = [*self.helm.wakeups_ns(), self._patience.end_ns]
        if self.task is not None:
            times += [*self.leasing.wakeups_ns(), self.homing.due_ns()]
        # What was due and could not be done waits for the input that makes it possible.
        return min([time for time in times if time is not None and time > now_ns], default=None)

    # --- what it does --------------------------------------------------------------------------

    def settle(self, world: World, now_ns: int) -> None:
        """Judge everything anew and do what follows; call after every input and tick."""
        self.homing.watch(now_ns, reachable=world.reachable)
        for _ in range(_STEPS_MAX):
            facts = self._facts(world, now_ns)
            goes_home = permit.goes_home(facts)
            if self.homing.under_way and not goes_home:
                self.homing.end(now_ns)
            blocker = None if goes_home else permit.blocker(facts)
            self._judge(blocker, now_ns)
            if goes_home:
                self._go_home(now_ns)
                break
            stepped = self._step(now_ns) if blocker is None else self._stand(now_ns)
            if not stepped:
                break
        if self._config.is_machine:
            self._watch(now_ns)
        self._renew(world, now_ns)
        self.helm.refresh(now_ns)

    def _facts(self, world: World, now_ns: int) -> Facts:
        sample, lease = self.helm.fresh(now_ns), self.leasing.lease
        leased = lease is not None and not lease.spent
        bound_m = lease.grant.pose_error_m if lease is not None else 0.0
        clock_good = world.clock_good
        if leased and lease is not None and world.clock_error_ns is not None:
            clock_good = clock_good and world.clock_error_ns <= lease.grant.clock_error_ns
        return Facts(
            proven=world.proven,
            stopped=world.stopped,
            locked=world.locked,
            sensed=sample is not None or not self._config.is_machine,
            battery_low=self.helm.battery_low,
            brakes_good=sample is None or sample.brake_ratio >= speed.BRAKE_RATIO_MIN,
            strayed=self._strayed or self._disputed,
            held=world.held,
            tasked=self.task is not None,
            clock_good=clock_good,
            leased=leased,
            lease_live=self.leasing.live(now_ns),
            stops_on_loss=leased and lease is not None and lease.grant.on_loss is OnLoss.STOP,
            pose_good=sample is not None and sample.pose_error_m <= bound_m,
            reachable=world.reachable,
            way_home=self.homing.is_due(now_ns),
        )

    def _watch(self, now_ns: int) -> None:
        """Raise and take back the machine's alarms."""
        if self._started_ns is None:
            self._started_ns = now_ns
        blind = self.helm.is_blind(self._started_ns, now_ns)
        alarm = self._recorder.alarm
        alarm("sensor_stale", "no sample of the machine for three periods", now_ns, active=blind)
        low = self.helm.battery_low
        alarm("battery_low", "the battery is under its reserve", now_ns, active=low)
        alarm("off_corridor", "the machine left its corridor", now_ns, active=self._strayed)

    def _judge(self, blocker: Blocker | None, now_ns: int) -> None:
        """Show in the state, and once in notes and records, what forbids to go on."""
        if blocker is self.blocker:
            return
        self.blocker = blocker
        why = "nothing" if blocker is None else blocker.value
        self._outlet.note(Level.INFO, "motion.judged", blocker=why)
        lease = self.leasing.lease
        if blocker is Blocker.LEASE and lease is not None:
            self._recorder.event("authority_expired", lease.grant.authority, now_ns)
        if blocker is None:
            self._stall.restart(now_ns)
            if self._course.state in (State.HOLDING, State.SAFE, State.STOPPED, State.LOCKED):
                self._course.fire(Event.CLEAR)
        elif blocker is not Blocker.UNPROVEN:
            self._course.reach(*INTERRUPTION[blocker])

    def _stand(self, now_ns: int) -> bool:
        """Come to rest, and give up what has no use any more; tell whether to judge again."""
        if not self.helm.idle:
            self.helm.halt(now_ns)
        if self.leasing.lease is None or not self.helm.at_rest(now_ns):
            return False
        if self._disputed or self._strayed:
            self._strayed_count += self._strayed
            self._give_up("disputed" if self._disputed else "strayed", now_ns)
            if self.task is not None and self._strayed_count >= _STRAYED_MAX:
                self._finish(TaskOutcome.FAILED, "off its corridor", now_ns)
            return True
        if self.task is None or self.leasing.hopeless:
            self._give_up("no task" if self.task is None else "not renewed", now_ns)
            return True
        return False

    def _step(self, now_ns: int) -> bool:
        """Do the next thing, which nothing forbids; tell whether to judge again."""
        if self.task is None:
            return self._stand(now_ns)
        sample, lease = self.helm.fresh(now_ns), self.leasing.lease
        assert sample is not None, "a blind machine is blocked"
        if self._is_stalled(self.task, sample, now_ns):
            self._finish(TaskOutcome.FAILED, "stalled", now_ns)
            return True
        if lease is None or lease.spent:
            return self._ask(self.task, sample, now_ns)
        if lease.at_stop:
            return self._work(self.task, sample, now_ns)
        return self._drive(self.task, sample, now_ns)

    def _ask(self, task: MachineTask, sample: Sample, now_ns: int) -> bool:
        self._course.reach(State.REQUESTING, Event.ASK)
        ready = self.helm.at_rest(now_ns) and self._outlet.connected
        if ready and self.leasing.ask_due(now_ns):
            asked = self.leasing.ask(now_ns)
            request = AuthorityRequest(
                request_no=asked.number,
                task=task.assign.task,
                attempt=task.assign.attempt,
                path=task.leg.path,
                x_m=sample.x_m,
                y_m=sample.y_m,
                pose_error_m=sample.pose_error_m,
            )
            self._outlet.publish("ask", request, now_ns)
        return False

    def _drive(self, task: MachineTask, sample: Sample, now_ns: int) -> bool:
        lease = self.leasing.lease
        assert lease is not None
        self._course.reach(State.DRIVING, Event.DRIVE)
        if not task.steps.started:
            self._keep(msgspec.structs.replace(task.steps, started=True))
            self._recorder.report(task.ref, TaskOutcome.STARTED, now_ns)
            return True
        if sample.at_rest and lease.length_m - lease.station_m <= authority.ARRIVED_M:
            self.leasing.lease = msgspec.structs.replace(lease, at_stop=True)
            if not self.helm.idle:
                self.helm.halt(now_ns)
            return True
        at_stop_point = lease.stop_m - lease.station_m <= authority.ARRIVED_M
        if not sample.at_rest or not (at_stop_point or sample.blocked):
            self._patience.restart()
        elif self._waits_in_vain(lease, sample, now_ns):
            return True
        elif at_stop_point:
            return False
        self.helm.drop_lost(sample, now_ns)
        if self.helm.follows:
            self.helm.pace(
                lease.stop_m - lease.base_m, speed.limit_m_s(self._config, lease, sample), now_ns
            )
        elif self.helm.idle and self.helm.at_rest(now_ns):
            self._set_off(task, sample, now_ns)
        return False

    def _go_home(self, now_ns: int) -> None:
        sample = self.helm.fresh(now_ns)
        assert sample is not None, "a blind machine is blocked"
        self._course.reach(State.DRIVING, Event.DRIVE)
        self._stall.restart(now_ns)
        if self.homing.drive(sample, now_ns):
            self._recorder.event("going_home", "nobody to ask, nothing else to do", now_ns)

    def _waits_in_vain(self, lease: Lease, sample: Sample, now_ns: int) -> bool:
        """Stand at a stop point, or before an obstacle; after a while ask for another way."""
        if not self._patience.ends(now_ns) or (lease.leads_home and self.leasing.unanswered):
            # To ask for another way gives this one up, the way home with it: not to somebody who
            # may not be there.
            return False
        self._patience.restart()
        self._blocked_count += sample.blocked
        if self._blocked_count >= _BLOCKED_MAX:
            self._finish(TaskOutcome.FAILED, "blocked", now_ns)
            return True
        if not self.helm.idle:
            self.helm.halt(now_ns)
        self.leasing.lease = msgspec.structs.replace(lease, spent=True)
        self._recorder.event("waited_in_vain", lease.grant.authority, now_ns)
        return True

    def _set_off(self, task: MachineTask, sample: Sample, now_ns: int) -> None:
        """Order what is left of the path, from where the machine stands."""
        lease = self.leasing.lease
        assert lease is not None
        assert self.leasing.live(now_ns)
        # It may have rolled on since a sample last showed its station, but no farther than this.
        far_m = min(lease.station_m + speed.blind_m(self._config), lease.length_m)
        lease = authority.begun(lease, sample, (lease.station_m, far_m))
        self._strayed = lease is None
        if lease is None:
            return
        self.leasing.lease = lease
        stop_m = max(0.0, lease.stop_m - lease.base_m)
        tool = (task.leg.tool, max(0.0, lease.grant.tool_from_m - lease.base_m))
        steering = Steering(lease.left, stop_m, speed.limit_m_s(self._config, lease, sample))
        self.helm.steer(steering, tool, now_ns)

    def _work(self, task: MachineTask, sample: Sample, now_ns: int) -> bool:
        goal = task.leg.goal
        if goal is None:
            return self._leg_done(task, sample, now_ns)
        self._course.reach(State.WORKING, Event.WORK)
        if self.helm.is_working(sample) and sample.work is not None and sample.work.done:
            self.helm.halt(now_ns)
            return self._leg_done(task, sample, now_ns)
        self.helm.drop_lost(sample, now_ns)
        if self.helm.idle and self.helm.at_rest(now_ns):
            self.helm.work(goal, now_ns)
        return False

    def _leg_done(self, task: MachineTask, sample: Sample, now_ns: int) -> bool:
        """Count the leg, what it measured first; then comes the next leg or the task's end."""
        lease = self.leasing.lease
        assert lease is not None
        assert lease.at_stop
        self._flush_scans(task, now_ns)
        found_empty = sample.work is not None and sample.work.found_empty
        steps = tasks.steps_after_leg(task, found_empty=found_empty, payload_kg=sample.payload_kg)
        if steps is None:
            self._finish(TaskOutcome.DONE, "", now_ns)
        elif steps.round_index >= tasks.ROUNDS_MAX:
            self._finish(TaskOutcome.FAILED, "too many rounds", now_ns)
        else:
            self._keep(steps)
            self._strayed_count = self._blocked_count = 0
            self.leasing.lease = msgspec.structs.replace(lease, spent=True)
            text = f"{task.assign.task} leg {task.steps.leg_index} round {task.steps.round_index}"
            self._recorder.event("leg_done", text, now_ns)
        return True

    def _renew(self, world: World, now_ns: int) -> None:
        """Ask for more time on a lease that is still of use."""
        useful = self.task is not None and not self._strayed and world.proven
        if useful and self._outlet.connected and self.leasing.renewal_due(now_ns):
            lease = self.leasing.lease
            assert lease is not None
            asked = self.leasing.ask_renewal(now_ns, reachable=world.reachable)
            renewal = AuthorityRenewal(request_no=asked.number, authority=lease.grant.authority)
            self._outlet.publish("ask", renewal, now_ns)

    def _is_stalled(self, task: MachineTask, sample: Sample, now_ns: int) -> bool:
        """Tell whether the leg makes no progress, though nothing forbids it."""
        lease = self.leasing.lease
        if lease is None or lease.spent:
            self._stall.restart(now_ns)
            return False
        ratio = sample.work.progress_ratio if sample.work is not None else 0.0
        mark = (task.steps, round(lease.station_m, 1), round(ratio, 4), round(sample.payload_kg))
        self._stall.progressed(mark, now_ns)
        return self._stall.is_stalled(now_ns)

    def _give_up(self, why: str, now_ns: int) -> None:
        """Hold no authority any more; the machine stands with its pose known."""
        held = self.held_authority
        assert held is not None
        assert self.helm.at_rest(now_ns)
        self.leasing.give_up()
        # Both are about the authority, and nothing else could end them once it is gone.
        self._strayed = self._disputed = False
        self._recorder.event("authority_given_up", f"{held.id}: {why}", now_ns)

    def _finish(self, outcome: TaskOutcome, reason: str, now_ns: int) -> None:
        """End the task: its report first, so that a crash in between repeats nothing."""
        task = self.task
        assert task is not None
        if not self.helm.idle:
            self.helm.halt(now_ns)
        self._flush_scans(task, now_ns)
        self._recorder.report(task.ref, outcome, now_ns, End(reason=reason))
        self._outlet.erase(LEG_TABLE, task.assign.task, task.assign.attempt)
        self._outlet.erase(TASK_TABLE, task.assign.task, task.assign.attempt)
        self.task = None
        self.leasing.asked = None
        if self.leasing.lease is not None:
            # The next task must not take the place of this one's leg for its own.
            self.leasing.lease = msgspec.structs.replace(self.leasing.lease, spent=True)
        self._strayed_count = self._blocked_count = 0
        if self._course.state in (State.REQUESTING, State.DRIVING, State.WORKING):
            self._course.fire(Event.END)

    def _flush_scans(self, task: MachineTask, now_ns: int) -> None:
        points = self._scans.flush()
        if points:
            self._recorder.patch(task.assign.task, points, now_ns)

    def _keep(self, steps: Steps) -> None:
        """Remember, durably, how far the task has come."""
        assert self.task is not None
        assign = self.task.assign
        self._outlet.persist(LEG_TABLE, assign.task, assign.attempt, _encoder.encode(steps))
        self.task = MachineTask(assign=assign, steps=steps)
