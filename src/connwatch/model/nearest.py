"""What somebody may have meant who wrote a word that is not known: one sentence, the same wherever words are read."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["nearest"]


def nearest(word: str, known: Iterable[str]) -> str:
    """`did you mean "x"?` where one of `known` is nearly `word`, else ""."""
    from difflib import get_close_matches  # hardly ever needed, and a start is short

    close = get_close_matches(word, list(known), n=1)
    return f'did you mean "{close[0]}"?' if close else ""
