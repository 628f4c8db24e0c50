"""The scenarios that are made in code: each a site, a fleet, its work and its Earth link."""
