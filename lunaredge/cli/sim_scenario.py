"""The scenario that a command line names: one made in code, the demo's, or a folder of files."""

import hashlib
from functools import cache
from pathlib import Path

import msgspec

from lunaredge.cli.order_check import check_order
from lunaredge.errors import ConfigError
from lunaredge.examples import demo_site
from lunaredge.model.contact import ContactPlan
from lunaredge.runtime.files.contact_file import ContactFile, load_contacts
from lunaredge.runtime.files.fleet_file import load_fleet
from lunaredge.runtime.files.order_file import load_order
from lunaredge.runtime.files.site_file import load_site
from lunaredge.scheduler.ground import GroundMap
from lunaredge.sim.campaign import Key
from lunaredge.sim.limits import NO_LIMITS, Limits
from lunaredge.sim.options import SAFETY_S_MAX
from lunaredge.sim.scenario import SCENARIOS, Due, Scenario, standard
from lunaredge.sim.version import DIGITS
from lunaredge.units import s_from_ns

STANDARD = "standard"
DEMO = "composite-ridge"

S_PER_H = 3_600.0
# Once all is healed, and the last task may begin, a job of three virtual hours may take as long
# again, and an outage of the plan comes on top.
WORK_S_MAX = 8 * 3_600.0


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """What every seed of a command is run on, as it can be sent to another process."""

    name: str = STANDARD
    """The scenario's name, or the path of its site file."""
    hours: float | None = None
    given: Limits = NO_LIMITS
    """What the command line limits besides the hours."""

    def load(self) -> Scenario:
        """Give the scenario, made once in each process.

        Raises:
            ConfigError: there is none of that name, or a file of it can't be used.
        """
        # A copy that went through a pickle is equal, but what it is encoded to is not: there
        # msgspec writes the defaults out. So each process makes its own.
        return _scenario(self.name, self.hours)

    def key(self, seed: int) -> Key:
        """Give what a seed's result is kept under."""
        return Key(self._kept_name(), self.hours, seed)

    def _kept_name(self) -> str:
        """Give the name; with a digest, where files that may change say what it is."""
        if self.name in SCENARIOS:
            return self.name
        digest = hashlib.sha256(msgspec.msgpack.encode(self.load())).hexdigest()
        return f"{self.name} {digest[:DIGITS]}"

    @property
    def limits(self) -> Limits:
        """What is let happen in a run."""
        if self.hours is None or self.given.until_s is not None:
            return self.given
        return msgspec.structs.replace(self.given, until_s=self.hours * S_PER_H)


@cache
def _scenario(name: str, hours: float | None) -> Scenario:
    if name == STANDARD and hours is not None:
        return standard(hours)
    if name in SCENARIOS:
        return SCENARIOS[name]()
    path = demo_site() if name == DEMO else Path(name)
    problem = "there is no such scenario or file"
    try:
        if path.is_dir():
            path, problem = path / "site.toml", "there is no site.toml in it"
        is_there = path.is_file()
    except OSError:
        # As of a name that no file can have.
        is_there = False
    if not is_there:
        known = ", ".join([*SCENARIOS, DEMO])
        raise ConfigError(
            problem,
            place="lunaredge sim",
            key="--scenario",
            value=name,
            remedy=f"use {known} or the path of a site.toml",
        )
    site = load_site(path)
    contacts_path = path.with_name("contacts.json")
    contacts = load_contacts(contacts_path)
    fleet = load_fleet(path.with_name("fleet.toml"), site)
    order_path = path.with_name("order.yaml")
    order = load_order(order_path)
    check_order(order_path, order, GroundMap.of(site), fleet)
    release_s = max(task.release_s for task in order.tasks)
    safety_s = SAFETY_S_MAX if hours is None else hours * S_PER_H
    _check_reach(contacts_path, contacts, safety_s + release_s)
    return Scenario(
        name=name,
        site=site,
        fleet=fleet,
        orders=(Due(order=order),),
        plan=contacts.plan,
        start_ns=contacts.epoch_ns,
        work_s_max=WORK_S_MAX + release_s + _outage_s_max(contacts.plan),
    )


def _check_reach(path: Path, contacts: ContactFile, work_s: float) -> None:
    """Refuse a plan that is over before all may have begun: Earth must hear how it ended."""
    ends_s = s_from_ns(max(each.end_ns for each in contacts.plan.contacts) - contacts.epoch_ns)
    if ends_s <= work_s:
        raise ConfigError(
            "the last contact with Earth is over before the work is",
            place=str(path),
            key="contacts",
            value=f"an end after {ends_s:g} s",
            remedy=f"add contacts beyond {work_s:g} s, or give less --hours or release_s",
        )


def _outage_s_max(plan: ContactPlan) -> float:
    """Give the longest time without contact between the plan's first and last."""
    until_ns = plan.contacts[0].end_ns
    longest_ns = 0
    for contact in plan.contacts[1:]:
        longest_ns = max(longest_ns, contact.start_ns - until_ns)
        until_ns = max(until_ns, contact.end_ns)
    return s_from_ns(longest_ns)
