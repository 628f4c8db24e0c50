"""What a machine may make its scheduler keep of tags: no more than fits, and no more freedom."""

from lunaredge.scheduler import lockout
from lunaredge.scheduler.lockout import TAGS_MAX
from tests.scheduler.locking import BEN, lock, node, obey, release, staffed, word
from tests.scheduler.rig import Site


def test_a_machine_that_says_ever_other_tags_hang_there_is_locked_and_fills_no_memory() -> None:
    site = staffed(Site())
    site.census()

    for round_no in range(8):
        word(site, locks=tuple(f"operator-ben/lockout-{round_no}-{k}" for k in range(50)))

    assert len(node(site).lockout.tags) == TAGS_MAX
    assert tags_of_others_wait(site)


def test_a_machine_that_may_be_driven_by_hand_by_a_tag_too_many_may_be_anywhere() -> None:
    site = staffed(Site())
    site.census()
    hung = tuple(f"operator-ben/lockout-1-{k}" for k in range(TAGS_MAX))

    word(site, locks=hung)
    assert not lockout.is_boundless(node(site))

    word(site, locks=(*hung, "operator-cat/manual-1-99"))
    assert lockout.is_boundless(node(site))


def test_no_tag_is_hung_where_as_many_hang_as_are_kept() -> None:
    site = staffed(Site())
    site.census()
    word(site, locks=tuple(f"operator-ben/lockout-1-{k}" for k in range(TAGS_MAX)))

    answer = lock(site)

    assert (answer.ok, answer.text) == (
        False,
        f"{TAGS_MAX} tags hang on hauler-1; take one off first",
    )


def test_tags_that_a_silent_machine_is_to_confirm_off_are_not_said_to_hang_there() -> None:
    site = staffed(Site())
    site.census()
    site.wait(500.0)
    for _ in range(TAGS_MAX):
        assert lock(site).ok
        assert release(site).ok

    answer, off = lock(site), release(site)

    assert (answer.ok, answer.text) == (
        False,
        f"{TAGS_MAX} tags are still to be confirmed off by hauler-1, which is lost; "
        "ask again when it has said so",
    )
    assert off.text == "nobody's tag hangs on hauler-1"


def test_a_tag_that_is_off_makes_room_once_the_machine_has_said_so() -> None:
    site = staffed(Site())
    site.census()
    for _ in range(TAGS_MAX - 1):
        lock(site)
        release(site)
    lock(site, by=BEN)

    assert lock(site).text.startswith(f"{TAGS_MAX - 1} tags are still to be confirmed off by haul")
    obey(site)
    assert lock(site).ok


def test_a_tag_longer_than_any_that_was_hung_is_not_kept() -> None:
    site = staffed(Site())
    site.census()

    word(site, locks=(f"operator-ben/manual-{'9' * 200_000}",))

    assert node(site).lockout is None
    assert lockout.is_boundless(node(site))


def tags_of_others_wait(site: Site) -> bool:
    """Whether a tag that was passed over is taken up when another one is off."""
    late = "operator-cat/lockout-9-9"
    word(site, locks=(late,))
    first = next(iter(node(site).lockout.tags))
    del node(site).lockout.tags[first]
    word(site, locks=(late,))
    return late in node(site).lockout.tags
