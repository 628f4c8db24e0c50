"""The AsyncAPI document is one, refers to what is there, and tells what the table of topics has."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from lunaredge.cli.schema import asyncapi, json_schema
from lunaredge.wire import topics
from lunaredge.wire.topic_table import PATTERNS, Pattern, Proof

DOCUMENT = json.loads(json.dumps(asyncapi.document()))
SCHEMA = json_schema.document()
OFFICIAL = json.loads((Path(__file__).parent / "asyncapi-3.0.0.json").read_text("utf-8"))


def refs(part: Any) -> list[str]:
    if isinstance(part, list):
        return [ref for each in part for ref in refs(each)]
    if not isinstance(part, dict):
        return []
    own = [part["$ref"]] if isinstance(part.get("$ref"), str) else []
    return own + [ref for each in part.values() for ref in refs(each)]


def found(ref: str) -> Any:
    """Follow a reference, in this document or in the JSON Schema beside it."""
    file, _, pointer = ref.partition("#/")
    place: Any = {"": DOCUMENT, f"./{json_schema.FILE}": SCHEMA}[file]
    for key in pointer.split("/"):
        place = place[key]
    return place


def test_it_satisfies_the_official_schema() -> None:
    assert [error.message for error in Draft7Validator(OFFICIAL).iter_errors(DOCUMENT)] == []


@pytest.mark.parametrize("key", ["info", "asyncapi"])
def test_the_official_schema_finds_what_is_wrong(key: str) -> None:
    broken = {name: part for name, part in DOCUMENT.items() if name != key}

    assert list(Draft7Validator(OFFICIAL).iter_errors(broken))


def test_every_reference_leads_somewhere() -> None:
    assert all(found(ref) for ref in refs(DOCUMENT))
    assert len(refs(DOCUMENT)) > 100


@pytest.mark.parametrize("pattern", PATTERNS, ids=lambda pattern: pattern.key)
def test_every_topic_is_a_channel_with_all_that_travels_on_it(pattern: Pattern) -> None:
    channel = DOCUMENT["channels"][pattern.key]
    operations = [
        operation
        for operation in DOCUMENT["operations"].values()
        if found(operation["channel"]["$ref"]) is channel
    ]

    bodies = {json_schema.tag_of(body) for flow in pattern.flows for body in flow.bodies}
    assert channel["messages"].keys() == bodies
    assert channel["x-retained"] is pattern.retained
    assert set(re.findall(r"\{(\w+)\}", channel["address"])) == channel["parameters"].keys()
    assert len(operations) == 2 * len(pattern.flows)
    sent = [each["bindings"]["mqtt"] for each in operations if each["action"] == "send"]
    assert all(each["retain"] is pattern.retained and each["qos"] == 1 for each in sent)


def test_it_says_who_proves_what_and_how() -> None:
    telemetry = DOCUMENT["operations"]["send_telemetry"]
    commands = DOCUMENT["operations"]["send_commands"]

    assert (telemetry["x-proof"], telemetry["x-from"]) == ("tag", ["node"])
    assert (commands["x-proof"], commands["x-from"]) == ("signature", ["scheduler"])
    assert DOCUMENT["x-proofs"].keys() == {proof.value for proof in Proof}


def test_a_parameter_tells_what_may_stand_there() -> None:
    parameters = DOCUMENT["channels"]["records"]["parameters"]

    assert parameters["class"]["enum"] == ["alarm", "event", "state"]
    assert "lower-case letters" in parameters["node"]["description"]
    assert topics.ROOT in DOCUMENT["channels"]["records"]["address"]
