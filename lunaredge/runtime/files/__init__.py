"""What people write: site, fleet, work order, contact plan and terrain files, read and checked.

Each loader gives frozen model values or raises one `ConfigError` that names the file, the place in
it, the value and what to do. Nothing else leaves this package: the errors of the parsers, of
pydantic and of the TIFF reader are translated here.
"""
