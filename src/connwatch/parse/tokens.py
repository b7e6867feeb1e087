"""Tells a token from a word by its shape. Knows nothing of where the text stood.

A random string changes between lower case, upper case and digits at every second character; words, slugs and camel-case
names hardly do. That, known prefixes, UUIDs and plain hexadecimal are enough: a measure of entropy was no better and slower.
"""

from __future__ import annotations

import re

__all__ = ["PREFIXED", "token_like"]

#: Tokens that say what they are, whatever follows: personal access tokens, JWTs and the like.
PREFIXED = re.compile(
    r"(?:pat_|ghp_|gho_|ghu_|ghs_|ghr_|github_pat_|glpat-|sk-|sk_|pk_|rk_|xox[a-z]-|AKIA|ya29\.|mcp_at_|mcp_rt_|at_|rt_|eyJ)[A-Za-z0-9_\-.~+/=]{6,}"
)
_UUID = re.compile(r"[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}")
_HEX = re.compile(r"[0-9a-fA-F]{16,}")
_CHANGES = re.compile(r"(?<=[a-z])[A-Z0-9]|(?<=[A-Z])[0-9]|(?<=[A-Z]{2})[a-z]|(?<=[0-9])[A-Za-z]|(?<=[a-z0-9][A-Z])[a-z]")
_LONG_RUN = re.compile(r"[A-Za-z0-9+/]{40,}")
_LETTERS_ONLY = re.compile(r"[A-Za-z]+")
_DIGITS = re.compile(r"[0-9]+")
_SHORTEST = 16


def token_like(text: str) -> bool:
    """Whether `text` (one path segment, one value) looks like something that nobody chose by hand."""
    if PREFIXED.match(text) is not None:
        return True
    if len(text) < _SHORTEST:
        return False
    if _UUID.search(text) is not None or _LONG_RUN.search(text) is not None:
        return True
    hexadecimal = _HEX.search(text)
    if hexadecimal is not None and _LETTERS_ONLY.fullmatch(hexadecimal.group()) is None:
        return True
    if len(_CHANGES.findall(text)) * 4 >= len(text):
        return True
    # A slug has words between separators; in one piece, digits that come and go are enough (base 32 and 36 have a single case).
    numbers = len(_DIGITS.findall(text)) if text.isalnum() else 0
    return numbers > 2 or (numbers == 2 and (text.islower() or text.isupper()))
