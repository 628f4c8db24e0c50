"""The seeded simulator: the production node classes in one process, on a virtual clock."""
