"""`lunaredge demo`: prepare a site, direct its run, and judge it from its disks."""
