"""Texts measured in a screen's cells: a letter may take two of them, or none of its own.

By Python's own tables, since an agent's board has no library for it. Where terminals differ the
greater width counts: a line that comes out short is untidy, one that runs over makes a false row.
"""

import unicodedata

# Plain ASCII: what a locale can't encode would end the command with an error.
ELLIPSIS = "..."
# Wide since Unicode 16, which is newer than the tables of Python 3.11 to 3.13.
_WIDE_LATELY = (
    *((0x2630, 0x2637), (0x268A, 0x268F), (0x4DC0, 0x4DFF)),
    *((0x1D300, 0x1D356), (0x1D360, 0x1D376)),
)


def cell_count(text: str) -> int:
    """Give how many cells a text takes."""
    return len(text) if text.isascii() else sum(map(_width, text))


def padded(text: str, width: int) -> str:
    """Give a text with blanks up to that many cells."""
    return text + " " * (width - cell_count(text))


def cut(text: str, width: int) -> str:
    """Give a text that takes no more cells than that."""
    if cell_count(text) <= width:
        return text
    return _head(text, width - len(ELLIPSIS)) + ELLIPSIS[: max(0, width)]


def wrapped(text: str, width: int, *, indent: str = "", keeps_words: bool = False) -> list[str]:
    """Give a text in lines of that many cells; a wider word is broken, unless words are kept."""
    lines = [""]
    for word in filter(None, text.split(" ")):
        for piece in [word] if keeps_words else _pieces(word, width):
            joined = f"{lines[-1]} {piece}" if lines[-1] else piece
            if lines[-1] and cell_count(joined) > width:
                lines.append(indent + piece)
            else:
                lines[-1] = joined
    return lines


def _pieces(word: str, width: int) -> list[str]:
    pieces = []
    while word:
        # A letter wider than the line is still a letter.
        piece = _head(word, width) or word[0]
        pieces.append(piece)
        word = word[len(piece) :]
    return pieces


def _head(text: str, width: int) -> str:
    """Give as much of a text as fits into that many cells."""
    taken = 0
    for index, letter in enumerate(text):
        taken += _width(letter)
        if taken > width:
            return text[:index]
    return text


def _width(letter: str) -> int:
    if unicodedata.category(letter) in ("Mn", "Me"):
        return 0
    is_wide = unicodedata.east_asian_width(letter) in ("W", "F")
    return 2 if is_wide or any(a <= ord(letter) <= z for a, z in _WIDE_LATELY) else 1
