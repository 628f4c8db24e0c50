"""Every kind of zone that a site may have can be drawn and explained."""

import pytest

from lunaredge.cli.route.layers import ZONE_STYLES
from lunaredge.cli.route.legend import _ZONE_WORDS
from lunaredge.model.site import ZoneKind


@pytest.mark.parametrize("kind", ZoneKind)
def test_a_kind_of_zone_has_a_look_and_a_word(kind: ZoneKind) -> None:
    assert kind in ZONE_STYLES
    assert _ZONE_WORDS[kind]
