"""What is known in advance about the order and the pace of steps: counts and typical gaps, shipped as data.

The counts come from recorded traffic with known truth and are smoothed here, with the protocol as the prior: pairs never
seen back off to classes of kinds. A log's own pace overrules the shipped gaps (see `learn`). Pure arithmetic.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from connwatch.correlate.kinds import KINDS, class_of

__all__ = ["MISHAPS", "Tables", "median"]

_N = len(KINDS)
_PSEUDO = 0.5  # pseudo-counts for what was never seen
_BACK_OFF = 3.0  # how many observations the next coarser estimate is worth
_MISHAP = 0.05  # of requests that are usually answered well, the share that is refused in one way or another, however seldom that was recorded
# A refusal is the server's doing: it may come wherever the client would have made the same request and been served.
_MISHAPS = {
    "resource+": ("resource-", "down", "moved"),
    "server+": ("server-", "down", "moved"),
    "register+": ("register-", "down", "moved"),
    "authorize+": ("authorize-",),
    "decision+": ("decision-",),
    "token+": ("token-", "down", "moved"),
    "mcp+": ("challenge", "mcp-", "forbidden", "down", "moved"),
    "stream+": ("stream-",),
}
# Those that no usual flow holds: what came before says nothing of them.
MISHAPS = frozenset(mishap for row in _MISHAPS.values() for mishap in row) - {"challenge", "resource-", "server-"}
_DEFAULT_GAP = 0.3  # seconds, for pairs without a typical gap


@dataclass(slots=True)
class Tables:
    """Order and pace of the steps of an attempt.

    `follows[a][b]`: how often b was the next step after a; `ends[a]`, `begins[a]`: how often an attempt ended or began with a.
    `gaps[a][b]`: typical gap in seconds from the end of a to the start of b.
    `paces[a]`: typical seconds until anything follows a; worked out from `gaps`. `follows_two["a b"][c]` and `gaps_two["a b"][c]`: the same
    after a and then b.
    """

    follows: Mapping[str, Mapping[str, float]]
    begins: Mapping[str, float]
    ends: Mapping[str, float]
    gaps: Mapping[str, Mapping[str, float]]
    follows_two: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    gaps_two: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    paces: dict[str, float] = field(default_factory=dict)
    _next: dict[tuple[str, str], float] = field(default_factory=dict)
    _end: dict[str, float] = field(default_factory=dict)
    _begin: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        seen = {kind: _PSEUDO + self.begins.get(kind, 0.0) + sum(row.get(kind, 0.0) for row in self.follows.values()) for kind in KINDS}
        by_base = _summed(seen, _base)
        by_class = _summed(seen, class_of)
        class_rows: dict[str, dict[str, float]] = {}
        class_ends: dict[str, float] = {}
        for kind in KINDS:
            row = class_rows.setdefault(class_of(kind), {})
            class_ends[class_of(kind)] = class_ends.get(class_of(kind), 0.0) + self.ends.get(kind, 0.0)
            for after, n in self.follows.get(kind, {}).items():
                row[class_of(after)] = row.get(class_of(after), 0.0) + n
        for kind in KINDS:
            own = self.follows.get(kind, {})
            ended = self.ends.get(kind, 0.0)
            total = sum(own.values()) + ended
            row, row_end = class_rows[class_of(kind)], class_ends[class_of(kind)]
            whole = sum(row.values()) + row_end + _PSEUDO * (len(by_class) + 1)
            bases: dict[str, float] = {}
            for after, n in own.items():
                bases[_base(after)] = bases.get(_base(after), 0.0) + n
            self._end[kind] = (ended + _BACK_OFF * (row_end + _PSEUDO) / whole) / (total + _BACK_OFF)
            for after in KINDS:
                # class to class, then this kind to the stage of the next, then this kind to the next with its answer
                rough = (row.get(class_of(after), 0.0) + _PSEUDO) / whole * by_base[_base(after)] / by_class[class_of(after)]
                stage = (bases.get(_base(after), 0.0) + _BACK_OFF * rough) / (total + _BACK_OFF)
                answer = stage * seen[after] / by_base[_base(after)]
                self._next[kind, after] = (own.get(after, 0.0) + _BACK_OFF * answer) / (total + _BACK_OFF)
            self._allow_mishaps(kind)
        self.paces = {before: median(list(row.values())) for before, row in self.gaps.items() if row}
        starts = sum(self.begins.values()) + _PSEUDO * _N
        for kind in KINDS:
            self._begin[kind] = math.log((self.begins.get(kind, 0.0) + _PSEUDO) / starts)

    def _allow_mishaps(self, kind: str) -> None:
        """What is usually answered well after `kind` gives a share of its probability to each way of refusing it that has less."""
        following = self._next
        for good, mishaps in _MISHAPS.items():
            least = _MISHAP * following[kind, good]
            for mishap in mishaps:
                lacking = least - following[kind, mishap]
                if lacking > 0.0:
                    following[kind, mishap] += lacking
                    following[kind, good] -= lacking

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Tables:
        """The tables from their parsed document (`catalogue/order.json`)."""
        return cls(**{name: document.get(name, {}) for name in ("follows", "begins", "ends", "gaps", "follows_two", "gaps_two")})

    def p_next(self, kind: str, after: str) -> float:
        """P(the next step is `after` | this step is `kind`)."""
        return self._next[kind, after]

    def p_end(self, kind: str) -> float:
        """P(nothing follows | this step is `kind`)."""
        return self._end[kind]

    def log_begin(self, kind: str) -> float:
        """log P(the first step of an attempt is `kind`)."""
        return self._begin[kind]

    def gap(self, kind: str, after: str, earlier: str = "") -> float:
        """The typical gap between two steps in seconds; better where the step before them is known."""
        if earlier:
            two = self.gaps_two.get(f"{earlier} {kind}")
            if two is not None and after in two:
                return two[after]
        row = self.gaps.get(kind)
        if row is not None and after in row:
            return row[after]
        return _DEFAULT_GAP


def _base(kind: str) -> str:
    return kind.rstrip("+-")


def _summed(counts: Mapping[str, float], key: Callable[[str], str]) -> dict[str, float]:
    out: dict[str, float] = {}
    for kind, n in counts.items():
        out[key(kind)] = out.get(key(kind), 0.0) + n
    return out


def median(values: list[float]) -> float:
    """The median; `statistics` would do it, but costs more to import than all of this floor."""
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
