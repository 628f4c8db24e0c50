"""The inquest: judge a finished run from its disks, by checkers that ran beside nothing.

Evidence comes from four places that can't agree by accident: the ground truth of the machines, the
scheduler's journal (replayed), the stores of both ends of every stream, and the director's record
of what was killed and forged. Merged in order of time, it is shown to the jury.
"""

import heapq
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import msgspec

from lunaredge.cli.demo.bulk import Stream, Upload, bulk_of
from lunaredge.cli.demo.damage import STORES, Damage, Place, find_damage, open_store, places
from lunaredge.cli.demo.earthward import uploads_to_earth
from lunaredge.cli.demo.record import Attack, Kill, RunRecord
from lunaredge.errors import ConfigError, JournalCorrupt
from lunaredge.ids import BootId, NodeId
from lunaredge.machine.events import MachineMoved, TruthEvent
from lunaredge.model.fleet import Fleet
from lunaredge.model.task import TaskKind, WorkOrder
from lunaredge.runtime.files.contact_file import load_contacts
from lunaredge.runtime.files.fleet_file import load_fleet
from lunaredge.runtime.files.order_file import load_order
from lunaredge.runtime.files.site_file import load_site
from lunaredge.runtime.site_processes import scheduler_config
from lunaredge.runtime.site_settings import SchedulerSettings, load_settings
from lunaredge.runtime.store import Store
from lunaredge.scheduler.core import SchedulerCore
from lunaredge.scheduler.inputs import JournalEntry, decode_entry
from lunaredge.scheduler.node import JOURNAL
from lunaredge.sim.checkers import evidence as seen
from lunaredge.sim.checkers.checker import Verdict
from lunaredge.sim.checkers.journal import JournalReader
from lunaredge.sim.checkers.keeping import kept
from lunaredge.sim.jury import Jury
from lunaredge.wire import spool, topics
from lunaredge.wire.bulk import BULK_CLASSES
from lunaredge.wire.messages import RecordClass

# How a sampled body is known to have moved; between samples it may have stopped and gone on.
MOVING_M_S = 1.0


class Truth(msgspec.Struct, frozen=True, kw_only=True):
    """The part of the truth's summary that is judged."""

    separation_m_min: float | None
    pairs_checked: int
    overlaps: list[dict[str, object]]
    machines: dict[str, dict[str, object]]
    piles_kg: dict[str, float]
    pits_kg: dict[str, float]


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """What the inquest found."""

    invariants: dict[str, Verdict]
    violations: list[str]
    truth: Truth
    jury: Jury
    core: SchedulerCore
    """The scheduler as its journal rebuilds it."""
    journal_entries: int
    order: WorkOrder
    waiting: int
    """Records on a node's disk that the archive does not have yet."""
    refused: dict[str, int]
    """Commands that nodes refused, in all their lives, as they told it, by reason."""
    damage: list[Damage]
    """Stores with damaged rows."""


def planned_changes(record: RunRecord) -> Iterator[tuple[int, bool]]:
    """Give when, by its plan, the Earth link changed in a run's time, and whether to up."""
    plan = load_contacts(Path(record.contacts_file)).plan
    edges = {record.start_ns, record.end_ns}
    edges |= {edge for contact in plan.contacts for edge in (contact.start_ns, contact.end_ns)}
    up = True
    for at_ns in sorted(edges):
        if record.start_ns <= at_ns <= record.end_ns:
            now_up = plan.at(at_ns) is not None
            if now_up != up:
                yield at_ns, now_up
            up = now_up


class Inquest:
    """Reads one run's folder."""

    def __init__(self, folder: Path, record: RunRecord) -> None:
        self.folder = folder
        self.record = record
        self.site = load_site(Path(record.site_file))
        self.fleet = load_fleet(Path(record.fleet_file), self.site)
        self.order = load_order(Path(record.order_file))
        self.waiting = 0
        self.refused: dict[tuple[NodeId, BootId], Mapping[str, int]] = {}
        self.damage: list[Damage] = []
        """As the survey found it."""
        self._damaged: list[tuple[NodeId, Place]] = []
        """Uploads with a damaged row, and whose disk has it."""

    def hold(self) -> Findings:
        """Judge the run.

        Raises:
            ConfigError: a part of the run's evidence is missing.
            StorageError: a store is missing.
            JournalCorrupt: a store is damaged beyond single rows, or the scheduler's journal can't
                be replayed.
        """
        damage = self.survey()
        jury = Jury(self.site, self.fleet)
        jury.tasks.is_broken_off = bool(self.record.trouble)
        truth = self._truth()
        settings = load_settings(self.folder / "scheduler.toml", SchedulerSettings)
        config = scheduler_config(self.site.name, settings)
        core = SchedulerCore(config, self.site, self.fleet)
        reader = JournalReader(core)
        streams = [
            self._bodies(truth),
            self._links(),
            self._directed(),
            self._journal(reader),
        ]
        for evidence in heapq.merge(*streams, key=lambda found: found.at_ns):
            jury.see(evidence)
        for evidence in self._at_the_end(truth, core):
            jury.see(evidence)
        jury.finish(self.record.end_ns)
        verdicts = jury.report()
        # Bodies are watched at every step of the physics, not at this inquest's samples.
        overlaps = len(truth.overlaps)
        verdicts["I1"] = Verdict(ok=overlaps == 0, checked=truth.pairs_checked, violations=overlaps)
        told = [
            f"{violation.invariant}: {violation.text}"
            for checker in jury.checkers
            for violation in checker.violations
        ]
        return Findings(
            invariants=verdicts,
            violations=told,
            truth=truth,
            jury=jury,
            core=core,
            journal_entries=reader.entries,
            order=self.order,
            waiting=self.waiting,
            refused=_refusals(self.refused.values()),
            damage=damage,
        )

    def survey(self) -> list[Damage]:
        """Read every store of the run and give those with damaged rows.

        Raises:
            StorageError: a store is missing.
            JournalCorrupt: a store is damaged beyond single rows.
        """
        agents = [f"agent-{spec.name}" for spec in self.fleet.nodes]
        site = ["scheduler", STORES[topics.ARCHIVE], "gateway", "earth"]
        self.damage = find_damage(self.folder, [*site, *agents])
        return self.damage

    # --- ground truth -------------------------------------------------------------------------

    def _truth(self) -> Truth:
        path = self.folder / "truth" / "truth.json"
        try:
            truth = msgspec.json.decode(path.read_bytes(), type=Truth)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as exc:
            raise _missing(path, exc) from exc
        for spec in self.fleet.nodes:
            least_wh = truth.machines.get(spec.name, {}).get("battery_wh_min")
            if spec.home is not None and not isinstance(least_wh, float):
                raise _missing(path, f"nothing is told of {spec.name}'s battery")
        return truth

    def _bodies(self, truth: Truth) -> Iterator[seen.Evidence]:
        path = self.folder / "truth" / "truth.jsonl"
        decoder = msgspec.json.Decoder(TruthEvent)
        bodies = _homes(self.fleet, truth)
        # Before everything: processes that come up early begin before the site's start.
        yield seen.Truth(at_ns=0, bodies=tuple(bodies.values()))
        try:
            with path.open("rb") as rows:
                for row in rows:
                    event = decoder.decode(row)
                    if isinstance(event, MachineMoved):
                        before = bodies[event.machine]
                        bodies[event.machine] = _moved(before, event)
                        yield seen.Truth(at_ns=event.t_ns, bodies=tuple(bodies.values()))
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as exc:
            raise _missing(path, exc) from exc
        except KeyError as exc:
            raise _missing(path, f"machine {exc} is not in the fleet file") from exc

    # --- the director and the sky -------------------------------------------------------------

    def _links(self) -> Iterator[seen.Evidence]:
        for at_ns, up in planned_changes(self.record):
            yield seen.EarthLink(at_ns=at_ns, up=up)

    def _directed(self) -> Iterator[seen.Evidence]:
        deeds: list[Kill | Attack] = [*self.record.kills, *self.record.attacks]
        for deed in sorted(deeds, key=lambda deed: deed.at_ns):
            yield from self._deed(deed)

    def _deed(self, deed: Kill | Attack) -> Iterator[seen.Evidence]:
        if isinstance(deed, Attack):
            # Nobody saw the target flinch; its counter, its task and its authority must show it.
            yield seen.Injected(
                at_ns=deed.at_ns,
                node=NodeId(deed.node),
                kind=deed.kind,
                changed=False,
                counted=True,
            )
            return
        yield seen.Disturbed(at_ns=deed.at_ns, what=f"{deed.name} killed")
        if self.fleet.node(NodeId(deed.name)) is not None:
            yield seen.Died(at_ns=deed.at_ns, node=NodeId(deed.name))

    # --- disks --------------------------------------------------------------------------------

    def _store(self, name: str) -> Store:
        return open_store(self.folder, name)

    def _journal(self, reader: JournalReader) -> Iterator[seen.Evidence]:
        live = {digest.entry: digest.digest for digest in self.record.digests}
        for entry in self._entries():
            for evidence in reader.read([entry]):
                if isinstance(evidence, seen.Situated):
                    self.refused[(evidence.node, evidence.boot)] = evidence.refused
                yield evidence
            if reader.entries in live:
                yield seen.Replayed(
                    at_ns=entry.now_ns,
                    live=live[reader.entries],
                    replayed=reader.core.state.digest(),
                )
        differing = "as first decided" if not reader.differing else f"{reader.differing} differ"
        yield seen.Replayed(at_ns=self.record.end_ns, live="as first decided", replayed=differing)

    def _entries(self) -> Iterator[JournalEntry]:
        store = self._store("scheduler")
        expected = 1
        for row in store.rows():
            if row.table != JOURNAL:
                continue
            if row.number != expected:
                raise JournalCorrupt(f"journal entry {expected} is missing from {store.path}")
            if not row.value:
                raise JournalCorrupt(f"journal entry {expected} is damaged in {store.path}")
            expected += 1
            yield decode_entry(row.value)
        store.close()

    def _at_the_end(self, truth: Truth, core: SchedulerCore) -> Iterator[seen.Evidence]:
        held = self._archive()
        self._add_spools(held)
        for (node, boot, record_class), uploads in held.items():
            yield from self._accounts(node, boot, record_class, uploads)
        yield from self._spoilt(held)
        # What a damaged row kept can't be compared; that it is damaged is told already.
        if not self.damage:
            yield from self._relayed()
        yield from self._heaps(truth, core)

    def _archive(self) -> dict[Stream, dict[int, Upload]]:
        """Read what the archive holds, by stream and first number."""
        held: dict[Stream, dict[int, Upload]] = {}
        store = self._store("scheduler")
        for row in store.archive_rows():
            uploads = held.setdefault((row.node, row.boot, row.record_class), {})
            uploads[row.first_seq] = Upload(row.seq, row.count, row.dropped, archived=True)
        self._note_damaged(store, topics.SCHEDULER)
        store.close()
        return held | bulk_of(self.folder)

    def _add_spools(self, held: dict[Stream, dict[int, Upload]]) -> None:
        """Add what nodes' disks hold and the archive does not yet: it waits, it is not lost."""
        for spec in self.fleet.nodes:
            store = self._store(f"agent-{spec.name}")
            for row in store.rows():
                # A damaged row has no value.
                if row.table == spool.TABLE and row.value:
                    item = spool.decode_item(row.value)
                    uploads = held.setdefault((spec.name, item.boot, item.record_class), {})
                    if not any(a <= item.seq <= upload.seq for a, upload in uploads.items()):
                        waiting = Upload(item.seq, item.count, item.dropped, archived=False)
                        uploads[item.first_seq] = waiting
            self._note_damaged(store, spec.name)
            store.close()

    def _note_damaged(self, store: Store, owner: NodeId) -> None:
        # What the scheduler itself sends lies here too: it is counted on its way to Earth.
        found = [place for place in places(store, owner) if place.node != topics.SCHEDULER]
        self._damaged += [(owner, place) for place in found]

    def _spoilt(self, held: dict[Stream, dict[int, Upload]]) -> Iterator[seen.Evidence]:
        """Say which uploads are damaged on a disk and whole on none."""
        for owner, (node, boot, record_class, seq) in self._damaged:
            uploads = held.get((node, boot, record_class), {})
            if any(first <= seq <= upload.seq for first, upload in uploads.items()):
                continue
            where = {"at_ns": self.record.end_ns, "node": node, "boot": boot}
            where |= {"record_class": record_class, "seq": seq}
            numbers = {"first_seq": seq, "count": 1, "dropped": False}
            yield msgspec.convert(where | numbers, seen.Offered)
            yield msgspec.convert(where | {"store": owner}, seen.Damaged)

    def _accounts(
        self,
        node: NodeId,
        boot: BootId,
        record_class: RecordClass,
        uploads: dict[int, Upload],
    ) -> Iterator[seen.Evidence]:
        """Say what became of each number of a stream; one that is nowhere was sent all the same."""
        at_ns, reached = self.record.end_ns, 0
        for first_seq, upload in sorted(uploads.items()):
            where = {"at_ns": at_ns, "node": node, "boot": boot, "record_class": record_class}
            for hole in range(reached + 1, first_seq):
                numbers = {"first_seq": hole, "seq": hole, "count": 1, "dropped": False}
                yield msgspec.convert(where | numbers, seen.Offered)
            reached = upload.seq
            if not upload.archived:
                self.waiting += upload.count
                continue
            numbers = {
                "first_seq": first_seq,
                "seq": upload.seq,
                "count": upload.count,
                "dropped": upload.dropped,
            }
            yield msgspec.convert(where | numbers, seen.Offered)
            store = topics.ARCHIVE if record_class in BULK_CLASSES else topics.SCHEDULER
            yield msgspec.convert(where | numbers | {"store": store}, seen.Archived)

    def _relayed(self) -> Iterator[seen.Evidence]:
        """Say what is kept at the site, and what of it is on Earth or on a disk on its way."""
        at_ns = self.record.end_ns
        store = self._store("scheduler")
        for row in store.archive_rows():
            at_site = kept(topics.SCHEDULER, row.node, row.record_class, row.record, at_ns)
            if at_site is not None:
                yield at_site
        store.close()
        for sent in uploads_to_earth(self.folder):
            on_earth = kept(topics.EARTH, topics.SCHEDULER, sent.record_class, sent.record, at_ns)
            if on_earth is not None:
                yield on_earth

    def _heaps(self, truth: Truth, core: SchedulerCore) -> Iterator[seen.Evidence]:
        """Hold what was dug against the largest goal of each zone: a goal is what has left in all.

        Beside those of the run's order there are those that were handed in while it ran.
        """
        goals_kg: dict[str, float] = {}
        for task in (*self.order.tasks, *(entry.task for entry in core.state.tasks.values())):
            if task.kind is TaskKind.EXCAVATE and task.zone is not None:
                goals_kg[task.zone] = max(goals_kg.get(task.zone, 0.0), task.mass_kg)
        for zone, goal_kg in goals_kg.items():
            yield seen.Heaped(
                at_ns=self.record.end_ns,
                zone=zone,
                moved_kg=truth.pits_kg.get(zone, 0.0),
                goal_kg=goal_kg,
            )


def _refusals(lives: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Add up what nodes refused; a late answer about the time is no command and not counted."""
    totals: dict[str, int] = {}
    for life in lives:
        for reason, count in life.items():
            if not reason.startswith("time_"):
                totals[reason] = totals.get(reason, 0) + count
    return dict(sorted(totals.items()))


def _homes(fleet: Fleet, truth: Truth) -> dict[NodeId, seen.TrueBody]:
    bodies = {}
    for spec in fleet.nodes:
        if spec.home is None:
            continue
        least_wh = truth.machines[spec.name]["battery_wh_min"]
        assert isinstance(least_wh, float)
        bodies[spec.name] = seen.TrueBody(
            machine=spec.name,
            x_m=spec.home[0],
            y_m=spec.home[1],
            heading_rad=spec.heading_rad,
            speed_m_s=0.0,
            # The run's lowest: whenever it was, the reserve must have held.
            battery_wh=least_wh,
        )
    return bodies


def _moved(before: seen.TrueBody, event: MachineMoved) -> seen.TrueBody:
    moved = math.dist((before.x_m, before.y_m), (event.x_m, event.y_m)) > 0.0
    return msgspec.structs.replace(
        before,
        x_m=event.x_m,
        y_m=event.y_m,
        heading_rad=event.heading_rad,
        speed_m_s=MOVING_M_S if moved else 0.0,
    )


def _missing(path: Path, fault: object) -> ConfigError:
    return ConfigError(
        "evidence can't be read",
        place=str(path),
        key="(file)",
        value=str(fault),
        remedy="the run ended too early, or this is not a run's folder",
    )
