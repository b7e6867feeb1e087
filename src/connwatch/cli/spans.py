"""Text with meaning instead of colours: a line is a list of (text, tone), drawn plainly or in colour. Must not know what is shown.

Whatever the text holds, `write` puts no control character of it onto the stream.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final, Literal, TextIO

from connwatch.parse.printable import printable

__all__ = ["Line", "Span", "Tone", "cells", "cut", "cut_middle", "drawn", "padded", "wrapped", "write"]

Tone = Literal["", "strong", "faint", "good", "warn", "bad", "wait"]
Span = tuple[str, Tone]
Line = Sequence[Span]

#: Select Graphic Rendition parameters of ECMA-48; from the sixteen colours only, so that the user's theme decides what they look like.
_SGR: Final[dict[Tone, str]] = {"": "", "strong": "1", "faint": "2", "good": "32", "warn": "33", "bad": "31", "wait": "36"}


def cells(text: str) -> int:
    """The columns that `text` takes: two for a wide character, none for one that combines."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(character) else 2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def cut(text: str, width: int) -> str:
    """`text` in at most `width` columns; a cut shows as an ellipsis."""
    if cells(text) <= width:
        return text
    kept: list[str] = []
    used = 0
    for character in text:
        used += cells(character)
        if used > width - 1:
            break
        kept.append(character)
    return "".join(kept) + "…" if width > 0 else ""


def cut_middle(text: str, width: int) -> str:
    """`text` in at most `width` columns; the middle goes first, because a path tells most by how it begins and ends."""
    if cells(text) <= width:
        return text
    if width < 12 or not text.isascii():
        return cut(text, width)
    tail = (width - 1) // 2
    return f"{text[: width - 1 - tail]}…{text[-tail:]}"


def padded(text: str, width: int, *, right: bool = False) -> str:
    """`text` filled with spaces to `width` columns."""
    space = " " * max(width - cells(text), 0)
    return space + text if right else text + space


def wrapped(text: str, width: int | None) -> list[str]:
    """`text` in lines of at most `width` columns, broken at spaces; one line where there is no width."""
    words = printable(" ".join(text.split())).split(" ")
    if width is None:
        return [" ".join(words)]
    lines: list[str] = []
    line = ""
    for word in words:
        if line and cells(line) + 1 + cells(word) > width:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}" if line else word
    return [*lines, line] if line else lines


def drawn(line: Line, *, colour: bool) -> str:
    """The line as characters, without trailing spaces and without its newline."""
    if not colour:
        return "".join(printable(text) for text, _ in line).rstrip()
    return "".join(f"\x1b[{_SGR[tone]}m{printable(text)}\x1b[0m" if tone and text.strip() else printable(text) for text, tone in line).rstrip()


def write(stream: TextIO, lines: Iterable[Line], *, colour: bool) -> None:
    """Draws the lines."""
    stream.writelines(drawn(line, colour=colour) + "\n" for line in lines)
