"""`lunaredge submit ORDER.yaml`: hand in a work order; taken whole or refused whole."""

import argparse
import sys

from lunaredge.cli import site_access
from lunaredge.cli.named_file import named_file
from lunaredge.cli.table import as_json, folded
from lunaredge.runtime.client import new_request
from lunaredge.runtime.files.order_file import load_order
from lunaredge.wire import messages


def add_arguments(parser: argparse.ArgumentParser, command: str) -> None:
    """Add the options."""
    parser.add_argument("order", type=named_file, metavar="ORDER.yaml", help="the work order")
    site_access.add_config(parser)
    site_access.add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Check the file, hand it in, print the answer. A refused order is bad input."""
    order = load_order(options.order)
    client = site_access.load(options, signs=True)
    question = messages.Submit(request=new_request(), order=order)
    answer = site_access.answer(client, question).answer
    text = answer.text if answer.ok else f"{options.order}: refused: {answer.text}"
    if options.json:
        print(as_json({"ok": answer.ok, "order": order.id, "text": text}))
    else:
        stream = sys.stdout if answer.ok else sys.stderr
        print(folded(text, stream), file=stream)
    return 0 if answer.ok else 2
