"""The names of a site's zones, for people whose name is none of them."""

from lunaredge.model.site import Site

# As many as a person reads through; a site may have hundreds.
NAMED_MAX = 12


def told(site: Site) -> str:
    """Name the zones of a site, and say how many more there are than are named."""
    named = ", ".join(zone.name for zone in site.zones[:NAMED_MAX])
    more = len(site.zones) - NAMED_MAX
    return f"{named} and {more} more" if more > 0 else named or "none"
