"""Making up input for as long as a budget lasts. Says nothing about what is tried."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

__all__ = ["SECONDS", "hostile", "tried", "within"]

SECONDS = float(os.environ.get("CONNWATCH_FUZZ_SECONDS", "0"))
"""For all that is tried together; 0: a few rounds that are the same in every run."""
_ROUND = 40
_ROUNDS = 3
#: Pieces that have broken parsers somewhere.
_PIECES = (
    b"\x00", b"\x1b]0;x\x07", b"\xff\xfe", b"\xed\xa0\x80", b'"', b"\\", b"\\x22", b"\\u0022", b"\\x", b"\\u12",
    b"%", b"%00", b"%zz", b"{",
    b"}", b"[", b"]", b"=", b",", b" ", b"\t", b"\r", b"\n", b"-", b"Bearer ", b"code=", b"state=", b"token: ", b"://",
    b"@", b"9" * 400, b"1e999", b"NaN", b"-0",
    b"2026-02-30T25:61:61Z ", b"9999-12-31T23:59:59.999999999Z ", b"0001-01-01T00:00:00Z ", "\u202e\u2028\u0085é".encode(), b"A" * 5000,
    b'{"log":"', b'\\n"}',
)  # fmt: skip


def hostile(corpus: list[bytes]) -> st.SearchStrategy[bytes]:
    """Real lines that were cut, joined, and had things put into them; and bytes of any kind."""
    line = st.sampled_from(corpus)
    piece = st.one_of(st.sampled_from(_PIECES), st.binary(max_size=12))
    cut = st.builds(lambda text, a, b: text[min(a, b) : max(a, b)], line, st.integers(0, 300), st.integers(0, 300))
    into = st.builds(lambda text, what, at: text[:at] + what + text[at:], line, piece, st.integers(0, 300))
    instead = st.builds(lambda text, what, at: text[:at] + what + text[at + len(what) :], line, piece, st.integers(0, 300))
    joined = st.builds(lambda one, other, at: one[:at] + other[at:], line, line, st.integers(0, 300))
    repeated = st.builds(lambda what, count: what * count, piece, st.integers(1, 3000))
    return st.lists(st.one_of(line, cut, into, instead, joined, repeated, st.binary(max_size=200)), max_size=30).map(b"\n".join)


def tried(strategy: st.SearchStrategy[Any], check: Callable[[Any], None], share: float = 1.0) -> int:
    """Give `check` what the strategy makes up, for this share of the budget; how many there were."""
    until = time.monotonic() + SECONDS * share
    base = random.randrange(2**32) if SECONDS else 0
    rounds = 0
    while rounds < _ROUNDS or time.monotonic() < until:

        @seed(base + rounds)
        @settings(max_examples=_ROUND, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(strategy)
        def once(made: Any) -> None:
            check(made)

        once()
        rounds += 1
    return rounds * _ROUND


def within(seconds: float, work: Callable[[], Any]) -> Any:
    """What `work` gives, which must not take it longer."""
    began = time.monotonic()
    found = work()
    took = time.monotonic() - began
    assert took < seconds, f"took {took:.1f} s"
    return found
