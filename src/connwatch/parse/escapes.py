"""Undoes what nginx does to a value before it writes it (ngx_http_log_module, `escape=`). Knows no field and no format."""

from __future__ import annotations

import json
import re

__all__ = ["ESCAPES", "unescape"]

#: The values of nginx's `escape=` parameter.
ESCAPES = ("default", "json", "none")
_HEX = re.compile(r"(?:\\x[0-9A-Fa-f]{2})+")


def unescape(value: str, escape: str) -> str:
    r"""The bytes that were logged, as text; `\x22` is a quote, `\xC3\xA9` one letter. What is no escape stays as it stands.

    The result is for storing as a value: it may hold control characters and must not be parsed as a line again.
    """
    if "\\" not in value or escape == "none":
        return value
    if escape == "json":
        try:
            decoded: object = json.loads(f'"{value}"', strict=False)
        except ValueError:
            return value
        return str(decoded).encode("utf-8", "replace").decode("utf-8")
    return _HEX.sub(lambda run: bytes.fromhex(run.group().replace("\\x", "")).decode("utf-8", "replace"), value)
