"""Text from outside, made fit for a screen."""


def printable(text: str) -> str:
    """Give a text without what draws on a screen or hides there: each such letter becomes a "?".

    Reasons and names come from people and machines elsewhere. A line break, an escape code or a
    change of direction in one must not blot out what stands beside it.
    """
    return "".join(char if char.isprintable() else "?" for char in text)
