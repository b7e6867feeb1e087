"""Joint assignment on a sparse bipartite graph: who comes after whom, at most one each way.

Two answers over the same weights (nats; an edge competes with "nobody", which weighs 0): a maximum-weight matching by
auction, and marginal probabilities by belief propagation. Nothing here knows what the nodes are.
"""

from __future__ import annotations

import math
from collections import deque

__all__ = ["Edges", "best_matching", "posteriors"]

_Pair = tuple[int, int]
Edges = dict[int, dict[int, float]]  # left node -> right node -> weight

_EPSILON = 0.02
_DAMPING = 0.5


def best_matching(edges: Edges) -> dict[int, int]:
    """A matching whose weight is within 0.02 per edge of the best (Bertsekas' auction). Only edges above 0 are used."""
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
        prices[choice] = prices.get(choice, 0.0) + (best - second) + _EPSILON
        loser = owner.get(choice)
        owner[choice] = left
        matched[left] = choice
        if loser is not None:
            del matched[loser]
            waiting.append(loser)
    return matched


def posteriors(edges: Edges, *, sweeps: int = 20) -> dict[_Pair, float]:
    """The probability of each edge when every node has at most one partner: sum-product, damped, `sweeps` times."""
    pairs: list[_Pair] = []
    weight: list[float] = []
    by_left: dict[int, list[int]] = {}
    by_right: dict[int, list[int]] = {}
    for left, row in edges.items():
        for right, value in row.items():
            by_left.setdefault(left, []).append(len(pairs))
            by_right.setdefault(right, []).append(len(pairs))
            pairs.append((left, right))
            weight.append(math.exp(min(max(value, -30.0), 30.0)))
    # A node with one edge always answers 1: only those with several have anything to weigh.
    lefts = [row for row in by_left.values() if len(row) > 1]
    rights = [row for row in by_right.values() if len(row) > 1]
    from_left, from_right = [1.0] * len(pairs), [1.0] * len(pairs)
    for _ in range(sweeps if lefts or rights else 0):
        moved = _tell(lefts, weight, from_right, from_left)
        moved = max(moved, _tell(rights, weight, from_left, from_right))
        if moved < 1e-3:
            break
    out: dict[_Pair, float] = {}
    for edge, pair in enumerate(pairs):
        strength = weight[edge] * from_left[edge] * from_right[edge]
        out[pair] = strength / (1.0 + strength)
    return out


def _tell(nodes: list[list[int]], weight: list[float], heard: list[float], told: list[float]) -> float:
    """One half of a sweep: every node of one side (given as its edges) answers what the other side said. Gives the largest change, relative."""
    moved = 0.0
    for edges in nodes:
        terms = [weight[edge] * heard[edge] for edge in edges]
        total = 1.0 + sum(terms)
        for edge, term in zip(edges, terms, strict=True):
            old = told[edge]
            rest = total - term
            change = _DAMPING * ((1.0 / rest if rest > 1e-12 else 1e12) - old)
            part = change / old if old > 1e-12 else change * 1e12
            if part > moved or -part > moved:
                moved = part if part > 0.0 else -part
            told[edge] = old + change
    return moved
