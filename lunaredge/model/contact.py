"""The Earth link's plan: contacts with their light time and rate."""

import msgspec


class LinkPreset(msgspec.Struct, frozen=True, kw_only=True):
    """Rates of a kind of link, by direction."""

    name: str
    to_earth_bps: float
    to_moon_bps: float
    source: str


class Contact(msgspec.Struct, frozen=True, kw_only=True):
    """One window in which the link is expected up. Times are site time."""

    link: str
    start_ns: int
    end_ns: int
    light_time_s: float


class ContactPlan(msgspec.Struct, frozen=True, kw_only=True):
    """Contacts in order of their start; they may overlap when links differ."""

    contacts: tuple[Contact, ...]

    def at(self, now_ns: int) -> Contact | None:
        """Give the contact open at that time (the one that ends last), or None in an outage."""
        live = [c for c in self.contacts if c.start_ns <= now_ns < c.end_ns]
        return max(live, key=lambda c: (c.end_ns, c.link)) if live else None

    def next_after(self, now_ns: int) -> Contact | None:
        """Give the first contact that starts later than that time, or None."""
        later = [c for c in self.contacts if c.start_ns > now_ns]
        return min(later, key=lambda c: (c.start_ns, c.link)) if later else None


_PUBLISHED = (
    LinkPreset(
        name="lean",
        to_earth_bps=55e3,
        to_moon_bps=8e3,
        source="ispace-US Alpine/Lupine, S-band user link",
    ),
    LinkPreset(
        name="relay",
        to_earth_bps=1.3e6,
        to_moon_bps=1.3e6,
        source="ispace-US Alpine/Lupine, X-band to Earth",
    ),
    LinkPreset(
        name="moonlight-s",
        to_earth_bps=1e6,
        to_moon_bps=1e6,
        source="ESA Moonlight, S-band user",
    ),
    LinkPreset(
        name="moonlight-k",
        to_earth_bps=200e6,
        to_moon_bps=200e6,
        source="ESA Moonlight, K-band user",
    ),
    LinkPreset(
        name="kibo",
        to_earth_bps=50e6,
        to_moon_bps=10e6,
        source="ISS Kibo today: low Earth orbit, an upper bound",
    ),
    LinkPreset(
        name="post-iss",
        to_earth_bps=500e6,
        to_moon_bps=100e6,
        source="asked for after ISS: low Earth orbit, an upper bound",
    ),
)
LINK_PRESETS = {preset.name: preset for preset in _PUBLISHED}
