"""`lunaredge bench`: each contest in a file, the peers' sides in processes of their own."""
