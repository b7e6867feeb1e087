"""Fields of an object as Node prints it: `util.inspect` on one line or many, or indented JSON. Knows no names and no secrets.

Only the outermost fields are read, and `clientInfo` of a nested `params`: an inner `host` or `name` is somebody else's.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator

__all__ = ["fields_of", "inline_fields"]

_LONGEST = 8192
_INLINE = re.compile(r"""["']?([A-Za-z_][\w.-]{0,60})["']?: ('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^\s,{}\[\]'"]+)""")
_OUTER = re.compile(r"""  ["']?([A-Za-z_][\w.-]{0,60})["']?: (.+?),?\s*""")
_CLIENT_INFO = re.compile(r"""\s+["']?(clientInfo)["']?: (\{.+\}),?\s*""")
_PROTOCOL_VERSION = re.compile(r"""\s+["']?(protocolVersion)["']?: (.+?),?\s*""")


def inline_fields(text: str) -> Iterator[tuple[str, str]]:
    """`{ sessionId: undefined, hasAuth: true }` at the end of a line."""
    start = text.find("{ ")
    if start >= 0 and text.rstrip().endswith("}"):
        for found in _INLINE.finditer(text, start, min(len(text), start + _LONGEST)):
            yield found[1], unquoted(found[2])


def fields_of(body: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The fields of an object over many lines, in order."""
    for text in body:
        if len(text) > _LONGEST:
            continue
        found = _OUTER.fullmatch(text) or _PROTOCOL_VERSION.fullmatch(text)
        if found is not None:
            yield found[1], unquoted(found[2])
            continue
        found = _CLIENT_INFO.fullmatch(text)
        if found is not None:
            yield found[1], found[2]


def unquoted(value: str) -> str:
    """The value without its quotes; "" where it is an object, or a string that goes on in the next line."""
    if value[:1] == '"':
        try:
            read = json.loads(value)
        except (ValueError, RecursionError):
            return ""
        return read if isinstance(read, str) else ""
    if value[:1] in ("'", "`"):
        return value[1:-1].replace("\\'", "'") if len(value) > 1 and value[-1] == value[0] else ""
    return "" if value[:1] in ("{", "[") or value[-1:] in ("{", "[") else value
