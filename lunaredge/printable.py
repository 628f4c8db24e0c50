"""Text from outside, made fit for a screen."""

# Letters to Python, but a screen shows nothing for them, or another width for the one before: the
# default-ignorable ones of Unicode, and the blank ones that are no spaces.
_UNSEEN = frozenset(
    map(
        chr,
        (
            *(0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180C, 0x180D, 0x180F),
            *(0x2800, 0x3164, 0xFFA0, 0x13441, 0x13442, 0x16FE4, 0x1D159),
            *range(0xFE00, 0xFE10),
            *range(0xE0100, 0xE01F0),
        ),
    )
)


def printable(text: str) -> str:
    """Give a text without what draws on a screen or hides there: each such letter becomes a "?".

    Reasons and names come from people and machines elsewhere. A line break, an escape code, a
    change of direction or a blank that is no space in one must not blot out what stands beside it.
    """
    return "".join(char if char.isprintable() and char not in _UNSEEN else "?" for char in text)
