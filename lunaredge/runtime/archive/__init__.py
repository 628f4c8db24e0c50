"""The telemetry archive on disk: an intake log, day files, roll-ups, the catalog and the reader.

Uploads are committed to the log and settled later, many at a time, into columns. Who may enter
what, and what is a duplicate, the core decides (`lunaredge.archive`); this is its disk.
"""
