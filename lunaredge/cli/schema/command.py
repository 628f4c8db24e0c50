"""`lunaredge schema`: print or write what describes the wire for clients in other languages."""

import argparse
import json
from pathlib import Path

from lunaredge.cli.named_file import named_folder
from lunaredge.cli.schema import asyncapi, json_schema
from lunaredge.errors import ConfigError


def add_arguments(parser: argparse.ArgumentParser, command: str) -> None:
    """Add the options."""
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--json-schema", action="store_true", help="what is in a frame, in JSON Schema (default)"
    )
    which.add_argument(
        "--asyncapi", action="store_true", help="what is said on which topic, in AsyncAPI 3"
    )
    which.add_argument("--write", type=named_folder, metavar="DIR", help="write both into a folder")
    parser.epilog = (
        f"The AsyncAPI document refers to the other as {json_schema.FILE} beside it. What this "
        "version speaks lies in docs/reference/wire/; docs/reference/wire.md explains it."
    )


def run(options: argparse.Namespace) -> int:
    """Print one of the documents, or write both."""
    if options.write is None:
        print(texts()[asyncapi.FILE if options.asyncapi else json_schema.FILE], end="")
        return 0
    _write(options.write)
    return 0


def texts() -> dict[str, str]:
    """Give both documents, by the name of their file."""
    documents = {json_schema.FILE: json_schema.document(), asyncapi.FILE: asyncapi.document()}
    return {name: f"{json.dumps(each, indent=2)}\n" for name, each in documents.items()}


def _write(folder: Path) -> None:
    """Write both documents, and say where.

    Raises:
        ConfigError: the folder can't be written to.
    """
    for name, text in texts().items():
        path = folder / name
        try:
            folder.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        except OSError as exc:
            raise ConfigError(
                f"can't be written ({exc.strerror})",
                place="lunaredge schema",
                key="--write",
                value=str(path),
                remedy="name a folder that can be written to",
            ) from exc
        print(path)
