"""The command line: one file per command. stdout is the answer, stderr is the talk."""
