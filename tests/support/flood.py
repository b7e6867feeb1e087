"""Somebody who wants to drown one attempt: forged ones without number, from addresses, under names and at hosts that never come again.

At a server that exists, only answers are made that a stranger can bring about: no token, no session. Hosts that do not exist answer anything.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime

__all__ = ["SERVER", "forged"]

SERVER = "mcp.example.org"
_AGENTS = (
    "Claude-User", "openai-mcp/1.0.0", "Cursor/1.4.2", "node", "python-httpx/0.28.1", "Visual Studio Code/1.106.1",
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "{word}/{number}.0",
)  # fmt: skip
_HERE = (
    ("POST /mcp", 401), ("POST /mcp", 400), ("GET /mcp", 405), ("GET /.well-known/oauth-protected-resource/mcp", 200),
    ("GET /.well-known/oauth-authorization-server", 200), ("POST /register", 201), ("POST /register", 400), ("POST /token", 400),
    ("POST /token", 401), ("GET /authorize?response_type=code&client_id={client}&state={state}", 400),
    ("GET /authorize?response_type=code&client_id={client}&state={state}&redirect_uri=https%3A%2F%2Fclaude.ai%2Fapi%2Fmcp%2Fauth_callback", 200),
    ("GET /{word}/{number}", 404),
)  # fmt: skip
_ANYWHERE = (*_HERE, ("POST /token", 200), ("POST /mcp", 200), ("POST /mcp", 502), ("POST /mcp", 503), ("POST /register", 500), ("POST /token", 500))


def forged(seed: int, here: float) -> Iterator[tuple[str, str]]:
    """Lines without end, each as what stands before and behind its stamp. The share `here` is sent to SERVER, the rest to hosts of its own."""
    draw = random.Random(seed)
    while True:
        word = "".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=8))
        at_home = draw.random() < here
        request, status = draw.choice(_HERE if at_home else _ANYWHERE)
        request = request.format(state=f"{draw.getrandbits(128):x}", client=f"{draw.getrandbits(64):x}", word=word, number=draw.randrange(10**6))
        agent = draw.choice(_AGENTS).format(word=word, number=draw.randrange(99))
        address = ".".join(str(draw.randrange(1, 224)) for _ in range(4))
        host = SERVER if at_home else f"{word}.example.net"
        yield f"{host} {address} - - [", f'] "{request} HTTP/1.1" {status} 99 "-" "{agent}" "172.18.0.9:3000"\n'


def block(lines: Iterator[tuple[str, str]], count: int, at: float) -> bytes:
    """The next `count` of them, all written at one time."""
    stamp = f"{datetime.fromtimestamp(at, UTC):%d/%b/%Y:%H:%M:%S} +0000"
    return "".join(stamp.join(next(lines)) for _ in range(count)).encode()
