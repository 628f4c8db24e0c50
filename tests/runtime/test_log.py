import logging

from lunaredge.node import Level, Note
from lunaredge.runtime.log import event_line, log_note, set_up_logging


def test_an_event_is_one_line_of_key_and_value():
    line = event_line("command.retried", {"machine": "dozer-3", "attempt": 2, "wait_s": 4.0})

    assert line == "command.retried machine=dozer-3 attempt=2 wait_s=4"


def test_a_hostile_value_can_not_forge_a_second_line_or_field():
    line = event_line("message.refused", {"topic": "x\n2026 ERROR y z=1", "empty": ""})

    assert line == 'message.refused topic="x\\n2026 ERROR y z=1" empty=""'


def test_a_long_value_is_cut():
    line = event_line("message.refused", {"detail": "x" * 5000})

    assert len(line) < 350


def test_notes_go_to_stderr_at_their_level_and_stdout_stays_clean(capsys, restored_logging):
    set_up_logging("agent/dozer-3", "warning")

    log_note(Note(level=Level.INFO, event="quiet.kept", fields={}))
    log_note(Note(level=Level.ERROR, event="disk.filled", fields={"free_bytes": 0}))
    logging.getLogger("elsewhere").warning("two\nlines")

    captured = capsys.readouterr()
    lines = captured.err.splitlines()
    assert captured.out == ""
    assert len(lines) == 2
    assert lines[0].endswith("ERROR agent/dozer-3 disk.filled free_bytes=0")
    assert lines[1].endswith("WARNING agent/dozer-3 two\\nlines")
