"""The scheduler's fixed configuration; units in the names, reasons beside the figures."""

import msgspec

from lunaredge.ids import SiteId
from lunaredge.units import NS_PER_S
from lunaredge.wire.messages import OnLoss


class SchedulerConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What the scheduler is told once, for its life."""

    site: SiteId
    corridor_margin_m: float = 0.8
    """Added to a machine's radius on every side of its path: pose error 0.3, tracking error 0.1,
    overrun of the stop point with slip 0.3, terrain map error 0.1."""
    pose_error_m: float = 0.3
    """The pose error the corridor allows for; told with each grant."""
    authority_lifetime_ns: int = 900 * NS_PER_S
    """Long enough that a scheduler restart never makes a driving machine brake."""
    authority_ahead_ns: int = 90 * NS_PER_S
    """How far ahead of a machine its stop point is put, in time at full speed: it asks for more
    with 35 s left, and a busy link may lose five of its asks."""
    on_loss: OnLoss = OnLoss.STOP_POINT
    """What a machine does with its authority while this scheduler is out of reach. `HOME` keeps
    all the ground between every machine and its home, so it is for sites with much room."""
    home_lifetime_ns: int = 21_600 * NS_PER_S
    """With `HOME`, how long a machine that hears nothing may still set off for home: no longer than
    the site has light. Nobody can be vouched for before that."""
    clock_error_ns: int = 5 * NS_PER_S
    """The clock error that lifetimes allow for; told with each grant."""
    command_expiry_ns: int = 120 * NS_PER_S
    """A command older than this changes nothing: the site has moved on."""
    command_resend_ns: int = 10 * NS_PER_S
    """Twice the time a busy link takes to answer."""
    lost_after_ns: int = 120 * NS_PER_S
    """Twelve heartbeats without one: the node is called lost. Its space stays blocked."""
    archive_silent_ns: int = 300 * NS_PER_S
    """Ten of its views without one: people are told that the archive is silent. Nodes keep their
    samples for days."""
    defer_ns: int = 20 * NS_PER_S
    """How long a machine waits before it asks again for a corridor that is not free."""
    place_retry_ns: int = 60 * NS_PER_S
    """How often unplaced tasks are tried again when nothing else has changed."""
    park_after_ns: int = 120 * NS_PER_S
    """An idle machine away from home goes home after this time, to charge and to clear the way."""
    home_radius_m: float = 1.5
    """A machine this near to its home spot is at home."""
    view_period_ns: int = 30 * NS_PER_S
    """How often views are made when nothing happens."""
    view_gap_ns: int = NS_PER_S
    """Views are made anew after a change, but no sooner than this after the last ones: a person
    who has acted sees it at once, and a busy site is not drowned in its own pictures."""
    feed_bytes_max: int = 64 * 1024 * 1024
    """What may wait for the gateway: a day of the standard site's records, ten times over."""
    attempts_max: int = 3
    """A task that failed this often has failed."""
    yields_max: int = 8
    """So often a task may be taken from its machine to let others pass; then it counts as failed
    attempts, so that no two tasks send each other home for ever."""
    checkpoint_entries: int = 20_000
    """Journal entries between checkpoints: a restart replays at most this many (a few seconds)."""
    nodes_max: int = 256
    tasks_max: int = 10_000
    """Years of work at a dozen tasks a day; a look through all of them takes a millisecond."""
    ended_max: int = 1_000
    """Ended tasks that are remembered; then the orders that ended first are forgotten whole. What
    became of them stays in the archive."""
    answers_max: int = 1_024
    """First results of requests that are kept for repetitions."""
    alarms_max: int = 1_024

    @property
    def motion_lifetime_ns(self) -> int:
        """How long after an authority was given a machine may still move by it."""
        goes_home = self.on_loss is OnLoss.HOME
        return max(self.authority_lifetime_ns, self.home_lifetime_ns if goes_home else 0)
