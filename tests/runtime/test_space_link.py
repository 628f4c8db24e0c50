import asyncio
import socket

import pytest

from lunaredge.earth.channel import Mishaps
from lunaredge.errors import TransportError
from lunaredge.model.contact import Contact, ContactPlan
from lunaredge.runtime.space_link import HOST, LinkEnd, SpaceLink, SpaceLinkOptions
from lunaredge.units import NS_PER_S

LIGHT_S = 1.2
WAIT_S_MAX = 5.0


class LoopClock:
    """Site time from the event loop's own clock, sixty times as fast as the wall."""

    speed = 60.0

    def now_ns(self):
        return round(asyncio.get_running_loop().time() * self.speed * NS_PER_S)


class Site:
    """An emulator with both ends attached."""

    def __init__(self, space):
        self.space = space
        self.at_moon, self.at_earth = asyncio.Queue(), asyncio.Queue()
        moon_port, earth_port = space.ports
        self.moon = LinkEnd((HOST, 0), (HOST, moon_port), self.at_moon.put_nowait)
        self.earth = LinkEnd((HOST, 0), (HOST, earth_port), self.at_earth.put_nowait)

    async def attach(self):
        await self.moon.start()
        await self.earth.start()
        # A hello is on loopback at once; a datagram to an end that was never heard goes nowhere.
        await until(lambda: None not in (self.space._moon._end, self.space._earth._end))

    async def close(self):
        await self.moon.stop()
        await self.earth.stop()
        await self.space.stop()


def plan_of(*windows):
    return ContactPlan(
        contacts=tuple(
            Contact(link="DTE", start_ns=start_ns, end_ns=end_ns, light_time_s=LIGHT_S)
            for start_ns, end_ns in windows
        )
    )


@pytest.fixture
async def make_site():
    sites = []

    async def make(plan=None, options=None, preset="relay"):
        always = plan_of((0, 1 << 62))
        space = SpaceLink(plan or always, preset, (0, 0), LoopClock(), options)
        await space.start()
        sites.append(Site(space))
        await sites[-1].attach()
        return sites[-1]

    yield make
    for site in sites:
        await site.close()


async def until(condition):
    async with asyncio.timeout(WAIT_S_MAX):
        while not condition():
            await asyncio.sleep(0.001)


async def arrival(queue):
    return await asyncio.wait_for(queue.get(), WAIT_S_MAX)


async def test_a_datagram_takes_its_light_time_both_ways(make_site):
    site = await make_site()
    clock = LoopClock()
    sent_ns = clock.now_ns()

    site.moon.send(b"down")
    down = await arrival(site.at_earth)
    site.earth.send(b"up")
    up = await arrival(site.at_moon)

    assert (down, up) == (b"down", b"up")
    assert clock.now_ns() - sent_ns >= 2 * LIGHT_S * NS_PER_S
    assert site.space.summary()["to_earth"]["delivered"] == 1
    assert site.space.summary()["to_moon"]["delivered"] == 1


async def test_nothing_passes_outside_a_contact(make_site):
    now_ns = LoopClock().now_ns()
    site = await make_site(plan_of((now_ns - 60 * NS_PER_S, now_ns - NS_PER_S)))

    site.moon.send(b"into the void")
    await until(lambda: site.space.summary()["to_earth"]["sent"])

    assert site.space.summary()["to_earth"]["outage"] == 1
    assert site.at_earth.empty()


async def test_what_is_beyond_the_rate_is_dropped(make_site):
    site = await make_site(preset="lean")

    for _ in range(200):
        site.moon.send(bytes(1200))
    await until(lambda: site.space.summary()["to_earth"]["sent"] == 200)
    counts = site.space.summary()["to_earth"]

    # 55 kbit/s over a buffer of 3.2 s take 18 datagrams of 1200 bytes, and what time adds.
    assert 15 <= 200 - counts["over_rate"] <= 60


async def test_mishaps_repeat_with_their_seed(make_site):
    mishaps = Mishaps(loss_ratio=0.5, duplicate_ratio=0.5)
    lost = []

    for _ in range(2):
        site = await make_site(options=SpaceLinkOptions(seed=3, mishaps=mishaps))
        for _ in range(50):
            site.moon.send(b"x")
        await until(lambda site=site: site.space.summary()["to_earth"]["sent"] == 50)
        lost.append(site.space.summary()["to_earth"]["lost"])

    assert lost[0] == lost[1]
    assert 10 <= lost[0] <= 40


async def test_an_end_that_comes_back_on_another_port_is_found(make_site):
    site = await make_site()
    await site.earth.stop()
    again = asyncio.Queue()
    earth = LinkEnd((HOST, 0), (HOST, site.space.ports[1]), again.put_nowait)
    before = site.space._earth._end
    await earth.start()
    await until(lambda: site.space._earth._end != before)

    site.moon.send(b"hello again")

    assert await arrival(again) == b"hello again"
    await earth.stop()


async def test_two_ends_can_meet_without_an_emulator_between(free_port):
    heard = asyncio.Queue()
    moon = LinkEnd((HOST, 0), (HOST, free_port), heard.put_nowait)
    await moon.start()
    moon_port = moon._transport.get_extra_info("sockname")[1]
    earth = LinkEnd((HOST, free_port), (HOST, moon_port), lambda payload: None)
    await earth.start()

    earth.send(b"direct")

    assert await arrival(heard) == b"direct"
    await moon.stop()
    await earth.stop()


async def test_a_port_in_use_is_named():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind((HOST, 0))
        number = taken.getsockname()[1]
        space = SpaceLink(plan_of((0, 1)), "lean", (0, number), LoopClock())

        with pytest.raises(TransportError, match=str(number)):
            await space.start()
