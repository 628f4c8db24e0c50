"""`lunaredge doctor`: checks that work on a board's small install and on the data centre's."""
