"""Which stage rules a request fits by its own shape: method, path, query. Knows nothing of other requests."""

from __future__ import annotations

import re
from collections.abc import Mapping

from connwatch.rules.catalogue import Catalogue, StageRule

__all__ = ["Shapes"]

_MEMO_LIMIT = 8192
_LONGEST = 400  # a longer path is no endpoint, and patterns must not be given room to backtrack


class Shapes:
    """The stage rules in order, with their patterns compiled on first use and answers remembered (bounded)."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._rules = catalogue.stage_rules()
        self._patterns: dict[str, re.Pattern[str]] = {}
        self._names = {name for rule in self._rules for name in (*rule.query_all, *rule.query_any, *rule.query_is)}
        self._valued = {name for rule in self._rules for name in rule.query_is}
        self._memo: dict[tuple[str, str, object], tuple[StageRule, ...]] = {}

    def fitting(self, method: str, path: str, params: Mapping[str, str]) -> tuple[StageRule, ...]:
        """All rules that the shape allows, in the order in which they are tried. Method "OPTIONS" ignores the rules' methods."""
        signature = None
        if params:
            shown = [(name, params[name].lower() if name in self._valued else "") for name in params if name in self._names]
            signature = frozenset(shown) or None
        key = (method, path, signature)
        known = self._memo.get(key)
        if known is None:
            low = path.lower()
            known = () if len(low) > _LONGEST else tuple(rule for rule in self._rules if self._fits(rule, method, low, params))
            if len(self._memo) >= _MEMO_LIMIT:
                self._memo.clear()
            self._memo[key] = known
        return known

    def _fits(self, rule: StageRule, method: str, path: str, params: Mapping[str, str]) -> bool:
        if rule.methods and method not in rule.methods and method != "OPTIONS":
            return False
        if rule.query_all and not all(name in params for name in rule.query_all):
            return False
        if rule.query_any and not any(name in params for name in rule.query_any):
            return False
        if rule.query_is and any(params.get(name, "").lower() != value for name, value in rule.query_is.items()):
            return False
        if rule.path and not self._pattern(rule.path).search(path):
            return False
        return not (rule.not_path and self._pattern(rule.not_path).search(path))

    def _pattern(self, text: str) -> re.Pattern[str]:
        compiled = self._patterns.get(text)
        if compiled is None:
            compiled = self._patterns[text] = re.compile(text)
        return compiled
