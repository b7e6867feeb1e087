"""Joint assignment on a sparse bipartite graph: who comes after whom, at most one each way.

Two answers over the same weights (nats; an edge competes with "nobody", which weighs 0): a maximum-weight matching by
auction, and marginal probabilities by belief propagation. Nothing here knows what the nodes are.
"""

from __future__ import annotations

import math
from collections import deque

__all__ = ["Edges", "best_matching", "posteriors"]

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


def posteriors(edges: Edges, *, sweeps: int = 20, damping: float = 0.5) -> dict[tuple[int, int], float]:
    """The probability of each edge when every node has at most one partner: sum-product, damped, `sweeps` times."""
    weight: dict[tuple[int, int], float] = {}
    by_left: dict[int, list[int]] = {}
    by_right: dict[int, list[int]] = {}
    for left, row in edges.items():
        for right, value in row.items():
            weight[left, right] = math.exp(min(max(value, -30.0), 30.0))
            by_left.setdefault(left, []).append(right)
            by_right.setdefault(right, []).append(left)
    from_left = dict.fromkeys(weight, 1.0)
    from_right = dict.fromkeys(weight, 1.0)
    for _ in range(sweeps):
        moved = 0.0
        for left, rights in by_left.items():
            terms = [weight[left, r] * from_right[left, r] for r in rights]
            total = 1.0 + sum(terms)
            for right, term in zip(rights, terms, strict=True):
                new = 1.0 / max(total - term, 1e-12)
                old = from_left[left, right]
                change = damping * (new - old)
                moved = max(moved, abs(change) / max(old, 1e-12))
                from_left[left, right] = old + change
        for right, lefts in by_right.items():
            terms = [weight[lf, right] * from_left[lf, right] for lf in lefts]
            total = 1.0 + sum(terms)
            for left, term in zip(lefts, terms, strict=True):
                new = 1.0 / max(total - term, 1e-12)
                old = from_right[left, right]
                change = damping * (new - old)
                moved = max(moved, abs(change) / max(old, 1e-12))
                from_right[left, right] = old + change
        if moved < 1e-3:
            break
    out: dict[tuple[int, int], float] = {}
    for pair, w in weight.items():
        strength = w * from_left[pair] * from_right[pair]
        out[pair] = strength / (1.0 + strength)
    return out
