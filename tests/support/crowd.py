"""Many users of one client who connect at the same moment from behind one address: made-up traffic that is seeded, with its truth.

The gaps are gammas of shape 4 around medians measured on recorded traffic with ten to twenty attempts at once; people take 0.5 to 3 s.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence

from connwatch.model.attempt import Attempt
from support.lines import proxy

__all__ = ["crowd", "precision"]

_SHAPE = 4
_MEDIAN = 3.672  # of a gamma of that shape and scale 1


def crowd(seed: int, users: int, *, within: float = 1.5, unused: int = 0) -> tuple[bytes, dict[int, int]]:
    """The proxy's log of so many `users`, who begin `within` so many seconds, and line -> whose it is.

    The first `unused` of them get a token and never come back with it.
    """
    draw = random.Random(seed)
    rows = [row for user in range(users) for row in _attempt(draw, draw.uniform(0, within), user, used=user >= unused)]
    rows.sort()
    truth = {number: user for number, (_, user, _) in enumerate(rows, 1)}
    return proxy(*(f"{at:.6f} {text}" for at, _, text in rows), address="172.20.0.5"), truth


def precision(attempts: Sequence[Attempt], truth: dict[int, int]) -> float:
    """B-cubed precision over lines."""
    total = 0.0
    for attempt in attempts:
        owners = [truth[step.event.serial[1]] for step in attempt.steps]
        total += sum(count * count for count in Counter(owners).values()) / len(owners)
    return total / len(truth)


def _attempt(draw: random.Random, at: float, user: int, *, used: bool) -> list[tuple[float, int, str]]:
    rows: list[tuple[float, int, str]] = []

    def then(median: float, text: str) -> None:
        nonlocal at
        at += draw.gammavariate(_SHAPE, median / _MEDIAN)
        rows.append((at, user, text))
        at += 0.002

    state = f"s{user}xQvLmZp0TnRb{draw.randrange(10**9)}"
    callback = "https%3A%2F%2Fclaude.ai%2Fapi%2Fmcp%2Fauth_callback"
    then(0.001, "claude POST /mcp 401")
    then(0.025, "httpx GET /.well-known/oauth-protected-resource/mcp 200")
    then(0.023, "httpx GET /.well-known/oauth-authorization-server 200")
    then(0.022, "httpx POST /register 201")
    at += draw.uniform(0.4, 2.5)
    then(0.3, f"firefox GET /authorize?client_id=c{user}&redirect_uri={callback}&state={state} 200")
    at += draw.uniform(0.5, 3.0)
    then(0.1, f"firefox POST /authorize?state={state} 302")
    then(0.089, "httpx POST /token 200")
    if used:
        then(0.026, "claude POST /mcp 200")
        then(0.026, "claude POST /mcp 202")
        then(0.051, "claude POST /mcp 200")
        if draw.random() < 0.5:
            then(0.032, "claude POST /mcp 200")
    return rows
