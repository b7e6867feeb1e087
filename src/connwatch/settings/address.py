"""HOST:PORT in its parts. Standard library only, because commands that need no configuration ask too."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

__all__ = ["host_and_port"]

_ADDRESS = re.compile(r"(\[[^\s\[\]]+\]|[^\s\[\]/@?#]+):([0-9]{1,5})")


def host_and_port(text: str) -> tuple[str, int]:
    """The host, of IPv6 without its brackets, and the port. Raises ValueError with a sentence."""
    found = _ADDRESS.fullmatch(text)
    if found is not None:
        host, port = found[1].strip("[]"), int(found[2])
        if port <= 65535 and (":" not in host or _is_ipv6(host)):
            return host, port
    scheme, _, _ = text.partition("://")
    if scheme in ("http", "https") and text != scheme:
        raise ValueError(f"{text!r} is not HOST:PORT, but a URL: leave out what is not {urlsplit(text).netloc}")
    raise ValueError(f"{text!r} is not HOST:PORT, for example 127.0.0.1:9817 or [::1]:9817")


def _is_ipv6(host: str) -> bool:
    try:
        ipaddress.IPv6Address(host)
    except ValueError:
        return False
    return True
