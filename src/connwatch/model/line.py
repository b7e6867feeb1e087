"""What a source hands over: complete lines. Knows nothing of formats."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Line"]


@dataclass(slots=True)
class Line:
    """One complete text line, without its newline.

    `source` is the name shown everywhere (a file as named on the command line, or the configured name).
    `number` is 1-based within the source. `text` is decoded as UTF-8 with `surrogateescape` undone by
    replacement: it never fails, and may hold any control character. `seen_at` is when the line was read
    (seconds since the epoch) for a live source, None for a finished file: the fall-back time of a line
    that carries no stamp of its own.
    """

    source: str
    number: int
    text: str
    seen_at: float | None = None
