"""What a whole site says is what the table of topics has, and satisfies the published schema."""

from functools import cache

import msgpack

from lunaredge.cli.schema import json_schema
from lunaredge.sim.options import calm
from lunaredge.sim.people import Person, Terminal
from lunaredge.sim.rng import Streams
from lunaredge.sim.scenario import OPERATOR, small
from lunaredge.sim.simulation import Simulation
from lunaredge.sim.trace import Trace
from lunaredge.units import NS_PER_S
from lunaredge.wire import messages, topics
from lunaredge.wire.codec import Seen, Standing, look
from lunaredge.wire.topic_table import Broker, Flow, Pattern, Proof, pattern_of
from tests.schema.validator import validator

# Long enough for work, summaries and a contact with Earth.
RUN_NS = 900 * NS_PER_S
# Of each kind and class of message so many are held against the schema, which takes its time.
CHECKED_MAX = 20
STANDINGS = {
    Proof.SIGNED: Standing.VERIFIED,
    Proof.TAGGED: Standing.TAGGED,
}


class Told(Simulation):
    """A site of which all is written down that anybody says."""

    def __init__(self):
        self.told = []
        super().__init__(small(), calm(), Streams(1), Trace(0))

    def _tapped(self, sender, message):
        self.told.append((sender, message))
        super()._tapped(sender, message)


@cache
def told():
    """Give what is said in a quarter of an hour: sender, message, and what the message is."""
    site = Told()
    site.begin()
    terminal = Terminal(
        site=site.scenario.site.name,
        network=site.site_net,
        timeline=site.timeline,
        signer=site.keys.signer(OPERATOR),
        keyring=site.keys.keyring,
    )
    person = Person("operator-sim", terminal)
    person.sit_down()
    person.ask(messages.Submit(request="job", order=site.scenario.orders[0].order))
    end = site.timeline.after(RUN_NS, lambda: None)
    while end.live:
        site.timeline.step()
    keyring = site.keys.keyring
    return [(sender, message, look(message.payload, keyring)) for sender, message in site.told]


def row_of(sender: str, topic: str, seen: Seen) -> tuple[Pattern, Flow]:
    parsed = topics.parse(topic)
    assert parsed is not None, topic
    broker = Broker.EARTH if sender == topics.EARTH else Broker.SITE
    pattern = pattern_of(parsed, broker)
    assert pattern is not None, topic
    flows = [flow for flow in pattern.flows if type(seen.body) in flow.bodies]
    assert len(flows) == 1, (topic, type(seen.body))
    return pattern, flows[0]


def test_everything_that_is_said_has_its_row_and_is_proved_as_the_row_says():
    kinds = set()
    for sender, message, seen in told():
        pattern, flow = row_of(sender, message.topic, seen)
        kinds.add(pattern.key)

        assert message.retain is pattern.retained, message.topic
        if flow.proof is not Proof.NONE:
            assert seen.standing is STANDINGS[flow.proof], message.topic
        if seen.role is not None:
            assert seen.role in flow.senders, message.topic

    wanted = {"telemetry", "tables", "records", "acknowledgements", "presence", "questions"}
    wanted |= {"commands", "authorities", "replies", "requests", "answers", "views"}
    assert wanted <= kinds


def test_everything_that_is_said_satisfies_the_schema():
    frames = validator(json_schema.document(), "Frame")
    checked = {}
    for _, message, seen in told():
        key = (type(seen.body), getattr(seen.body, "record_class", None))
        checked[key] = checked.get(key, 0) + 1
        if checked[key] <= CHECKED_MAX:
            errors = [
                error.message for error in frames.iter_errors(msgpack.unpackb(message.payload))
            ]
            assert errors == [], (message.topic, seen.body)

    assert len(checked) > 15
