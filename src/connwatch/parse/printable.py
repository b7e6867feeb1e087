"""Makes hostile text safe to show: no control character, escape sequence or direction override survives. Knows nothing of secrets."""

from __future__ import annotations

__all__ = ["printable"]


def printable(text: str) -> str:
    r"""`text` with every character that does not print written as `\xNN`, `\uNNNN` or `\UNNNNNNNN`.

    That covers C0 and C1 controls (so ANSI and OSC sequences), line separators, bidirectional overrides, zero-width
    characters and lone surrogates. Text that prints comes back unchanged.
    """
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else _escaped(ord(character)) for character in text)


def _escaped(point: int) -> str:
    if point < 0x100:
        return f"\\x{point:02x}"
    return f"\\u{point:04x}" if point < 0x10000 else f"\\U{point:08x}"
