"""An engine that has nothing to say by itself, for tests of what stands around one."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from support.attempts import ToldEngine

__all__ = ["Quiet"]


class Quiet(ToldEngine):
    def next_deadline(self) -> float | None:
        return None

    def stats(self) -> Any:
        return SimpleNamespace(sources={"app": {"lines": 3, "unparsed": 1}})
