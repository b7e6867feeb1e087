"""The exact keys that a request carries, from its query, its Referer and what the parser found. Values are digests already."""

from __future__ import annotations

from connwatch.model.record import Request
from connwatch.rules.catalogue import Catalogue

__all__ = ["Keys"]


class Keys:
    """Parameter names to kinds of key."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._kinds = {name: rule.id for rule in catalogue.keys.values() for name in rule.params}

    def of(self, request: Request) -> list[tuple[str, str]]:
        """(kind, value) without repeats: the parser's own first, then the query's, then the Referer's."""
        if not request.params and not request.referer_params:
            return list(request.keys)
        found = dict.fromkeys(request.keys)
        for params in (request.params, request.referer_params):
            for name, value in params.items():
                kind = self._kinds.get(name)
                if kind is not None and value:
                    found[kind, value] = None
        return list(found)
