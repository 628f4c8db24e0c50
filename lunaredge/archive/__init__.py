"""The archive, pure: what becomes of telemetry at the site, and the limits that it is held to."""
