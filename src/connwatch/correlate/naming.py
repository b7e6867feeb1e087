"""What attempts are called. Knows nothing of how events were grouped."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from connwatch.model.attempt import Step

__all__ = ["named"]


def named(steps: Sequence[Step]) -> str:
    """A short name that follows from where the first event stands in its log, so that a replay gives the same one."""
    first = steps[0].event
    place = first.evidence[0]
    text = f"{place.source}\\0{place.line}\\0{first.started_at:.6f}\\0{first.path}"
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=5).hexdigest()
