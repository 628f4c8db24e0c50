"""The AsyncAPI document: which topic, whose word, how proved; made from the table of topics."""

import re
from collections.abc import Iterator
from typing import Any, get_args

from lunaredge.cli.schema import json_schema
from lunaredge.cli.schema.contents import MSGPACK
from lunaredge.cli.schema.docstrings import class_text
from lunaredge.cli.schema.json_schema import plain, tag_of
from lunaredge.ids import NAME_RULE
from lunaredge.wire import messages, seal
from lunaredge.wire.codec import FRAME_BYTES_MAX, VERSION
from lunaredge.wire.topic_table import PATTERNS, Broker, Flow, Pattern, Proof

Document = dict[str, Any]

FILE = "asyncapi.json"
_SCHEMA_FORMAT = "application/schema+json;version=2020-12"
_MQTT_BINDING = "0.2.0"

_PARAMETERS = {
    "site": "The site's name.",
    "node": "The node's name.",
    "class": "Class of the records.",
    "client": "Name of the client that asks; with a key, the key's name.",
    "name": "The view's name.",
}
_SERVERS = {
    Broker.SITE: "The site's broker, which all its processes share.",
    Broker.EARTH: "Earth's broker. The Earth station shows there what came over the link, and "
    "takes what is asked.",
}
_PROOFS = {
    Proof.SIGNED: f"The frame's signature is Ed25519 ({seal.SIGNATURE_BYTES} bytes, RFC 8032) over "
    "the header's bytes and then the body's, by the key that the header names. Who has the site's "
    "public keys can check it, and goes by the role that is enrolled with the key.",
    Proof.TAGGED: f"The frame's signature is a keyed BLAKE2b tag ({seal.TAG_BYTES} bytes, RFC "
    "7693) over the same, under a secret that only sender and archive can work out. Nobody else "
    "can check it: a looker-on reads such telemetry unverified.",
    Proof.NONE: "Needs no signature: it changes nothing, and who forges it gains nothing.",
}
_DESCRIPTION = f"""\
What crosses the MQTT brokers of a lunaredge site. Each payload is one frame of msgpack, at most
{FRAME_BYTES_MAX} bytes, as {json_schema.FILE} has it; docs/reference/wire.md says how to read it.

All is published with QoS 1. That proves nothing: brokers and clients lose what they have
acknowledged. Records are kept by their sender until the *receiver* says that they are on its disk.

Security: a broker's word is nobody's. Whoever may publish on a topic is not whom the topic names;
receivers go by the signature in the frame (`x-proof`), and by the role of the key (`x-from`).
Commands have an epoch and an expiry too, so that an old one can't be said again. The broker
that lunaredge starts listens on its own machine alone, without accounts; on a network put TLS and
accounts in front."""


def document() -> Document:
    """Give the whole document; it refers to the JSON Schema as a file beside it."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "lunaredge: the wire of a site",
            "version": f"{VERSION}.0.0",
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": MSGPACK,
        "x-proofs": {proof.value: text for proof, text in _PROOFS.items()},
        "servers": {broker.value: _server(text) for broker, text in _SERVERS.items()},
        "channels": {pattern.key: _channel(pattern) for pattern in PATTERNS},
        "operations": dict(operation for pattern in PATTERNS for operation in _operations(pattern)),
        "components": {
            "messages": {
                tag_of(body): _message(body)
                for body in sorted(get_args(messages.Message), key=tag_of)
            }
        },
    }


def _server(text: str) -> Document:
    return {
        "host": "{host}:{port}",
        "protocol": "mqtt",
        "protocolVersion": "5.0",
        "description": f"{text} MQTT 3.1.1 will do too.",
        "variables": {
            "host": {"default": "127.0.0.1", "description": "Where it listens."},
            "port": {"default": "1883", "description": "On which port."},
        },
    }


def _channel(pattern: Pattern) -> Document:
    names = re.findall(r"\{(\w+)\}", pattern.address)
    return {
        "address": pattern.address,
        "description": pattern.text,
        "servers": [{"$ref": f"#/servers/{broker.value}"} for broker in pattern.brokers],
        "parameters": {name: _parameter(name, pattern) for name in names},
        "messages": {
            tag_of(body): {"$ref": f"#/components/messages/{tag_of(body)}"}
            for flow in pattern.flows
            for body in flow.bodies
        },
        "x-retained": pattern.retained,
    }


def _parameter(name: str, pattern: Pattern) -> Document:
    if f"{{{name}}}" == pattern.detail and pattern.details:
        return {"description": _PARAMETERS[name], "enum": list(pattern.details)}
    return {"description": f"{_PARAMETERS[name]} {NAME_RULE}."}


def _operations(pattern: Pattern) -> Iterator[tuple[str, Document]]:
    """Give who sends and who receives, for each group of messages that is proved alike."""
    for number, flow in enumerate(pattern.flows, start=1):
        suffix = f"_{number}" if len(pattern.flows) > 1 else ""
        for action in ("send", "receive"):
            yield f"{action}_{pattern.key}{suffix}", _operation(pattern, flow, action)


def _operation(pattern: Pattern, flow: Flow, action: str) -> Document:
    binding: Document = {"qos": 1, "bindingVersion": _MQTT_BINDING}
    if action == "send":
        binding["retain"] = pattern.retained
    parties = flow.senders if action == "send" else flow.receivers
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{pattern.key}"},
        "summary": f"By {', '.join(role.value for role in parties)}.",
        "tags": [{"name": role.value} for role in parties],
        "bindings": {"mqtt": binding},
        "messages": [
            {"$ref": f"#/channels/{pattern.key}/messages/{tag_of(body)}"} for body in flow.bodies
        ],
        "x-from": [role.value for role in flow.senders],
        "x-to": [role.value for role in flow.receivers],
        "x-proof": flow.proof.value,
    }


def _message(body: Any) -> Document:
    """Give a message: a frame whose body is of one class."""
    ref = f"./{json_schema.FILE}#/$defs"
    place = {"contentSchema": {"$ref": f"{ref}/{body.__name__}"}}
    return {
        "name": tag_of(body),
        "title": body.__name__,
        "summary": plain(class_text(body)).split("\n\n")[0],
        "contentType": MSGPACK,
        "payload": {
            "schemaFormat": _SCHEMA_FORMAT,
            "schema": {
                "allOf": [{"$ref": f"{ref}/Frame"}],
                "prefixItems": [True, True, place, True, True],
            },
        },
    }
