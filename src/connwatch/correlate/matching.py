"""Joint assignment on a sparse bipartite graph: who comes after whom, at most one each way.

Two answers over the same weights (nats; an edge competes with "nobody", which weighs 0): a maximum-weight matching by
auction, and marginal probabilities by belief propagation. Nothing here knows what the nodes are.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable

__all__ = ["Edges", "best_matching", "posteriors"]

_Pair = tuple[int, int]
Edges = dict[int, dict[int, float]]  # left node -> right node -> weight


def best_matching(edges: Edges, *, epsilon: float = 0.02) -> dict[int, int]:
    """A matching whose weight is within `epsilon` per edge of the best (Bertsekas' auction). Only edges above 0 are used."""
    prices: dict[int, float] = {}
    owner: dict[int, int] = {}
    matched: dict[int, int] = {}
    waiting = deque(sorted(edges))
    bids = 0
    limit = 200 * max(1, sum(len(row) for row in edges.values()))
    while waiting and bids < limit:
        bids += 1
        left = waiting.popleft()
        best = second = 0.0
        choice = -1
        for right, weight in edges[left].items():
            value = weight - prices.get(right, 0.0)
            if value > best or (value == best and choice >= 0 and right < choice):
                second = best
                best = value
                choice = right
            elif value > second:
                second = value
        if choice < 0:
            continue
        prices[choice] = prices.get(choice, 0.0) + (best - second) + epsilon
        loser = owner.get(choice)
        owner[choice] = left
        matched[left] = choice
        if loser is not None:
            del matched[loser]
            waiting.append(loser)
    return matched


def posteriors(edges: Edges, *, sweeps: int = 20, damping: float = 0.5) -> dict[_Pair, float]:
    """The probability of each edge when every node has at most one partner: sum-product, damped, `sweeps` times."""
    weight: dict[_Pair, float] = {}
    by_left: dict[int, list[_Pair]] = {}
    by_right: dict[int, list[_Pair]] = {}
    for left, row in edges.items():
        for right, value in row.items():
            weight[left, right] = math.exp(min(max(value, -30.0), 30.0))
            by_left.setdefault(left, []).append((left, right))
            by_right.setdefault(right, []).append((left, right))
    from_left = dict.fromkeys(weight, 1.0)
    from_right = dict.fromkeys(weight, 1.0)
    for _ in range(sweeps):
        moved = _tell(by_left.values(), weight, from_right, from_left, damping)
        moved = max(moved, _tell(by_right.values(), weight, from_left, from_right, damping))
        if moved < 1e-3:
            break
    out: dict[_Pair, float] = {}
    for pair, w in weight.items():
        strength = w * from_left[pair] * from_right[pair]
        out[pair] = strength / (1.0 + strength)
    return out


def _tell(nodes: Iterable[list[_Pair]], weight: dict[_Pair, float], heard: dict[_Pair, float], told: dict[_Pair, float], damping: float) -> float:
    """One half of a sweep: every node of one side (given as its edges) answers what the other side said. Gives the largest change, relative."""
    moved = 0.0
    for edges in nodes:
        terms = [weight[edge] * heard[edge] for edge in edges]
        total = 1.0 + sum(terms)
        for edge, term in zip(edges, terms, strict=True):
            old = told[edge]
            change = damping * (1.0 / max(total - term, 1e-12) - old)
            moved = max(moved, abs(change) / max(old, 1e-12))
            told[edge] = old + change
    return moved
