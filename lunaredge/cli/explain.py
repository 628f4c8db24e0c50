"""`lunaredge explain TASK`: why a task is where it is, and which constraints refused each node."""

import argparse
import json
import sys

from lunaredge.cli import operate, site_access
from lunaredge.cli.table import Column, as_json, folded, render, width_of_stdout
from lunaredge.ids import TaskId
from lunaredge.runtime.client import new_request
from lunaredge.wire import messages

COLUMNS = (
    Column("node", "NODE"),
    Column("constraint", "REFUSED BY"),
    Column("detail", "DETAIL", is_free=True, wraps=True),
)


def add_arguments(parser: argparse.ArgumentParser, command: str) -> None:
    """Add the options."""
    parser.add_argument(
        "task", help="the task, as `lunaredge tasks` names it; or a node, to hear why it stands"
    )
    site_access.add_config(parser)
    site_access.add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Ask and print."""
    operate.check_names(options)
    client = site_access.load(options, signs=False)
    question = messages.Explain(request=new_request(), task=TaskId(options.task))
    answer = site_access.answer(client, question).answer
    # Who has no such task, or may not say, answers with no rows at all.
    why = json.loads(answer.rows) or {"plan": None, "reason": None, "refusals": []}
    rows = why["refusals"]
    if options.json:
        print(as_json({"found": answer.ok, "text": answer.text} | why))
        return 0 if answer.ok else 1
    stream = sys.stdout if answer.ok else sys.stderr
    print(folded(answer.text, stream), file=stream)
    if rows:
        print(render(rows, COLUMNS, width_of_stdout()))
    return 0 if answer.ok else 1
