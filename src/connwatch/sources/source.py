"""What a source is, and nothing about any particular one.

A source makes one perpetual stream of log bytes out of something that is rotated, restarted or cut beneath it.

The contract, which every source keeps and the shared tests check:

1. Yield until cancelled. Returning means that nothing will ever come again (end of input); anything that may heal is a
   `SourceError`, or, where the source can simply wait for it (a file that does not exist yet), a batch with state "down".
2. Do not retry: the supervisor restarts a source that failed, with the last cursors and a growing pause.
3. Start after the cursor. Where a stream can be resumed, its first batch has a cursor even if it has no data: who dies before the first line
   must find the next one. Yielding a line twice is allowed, losing one silently is not: what is known to be lost is counted
   in `status.gaps`, with a reason, and told by the `gap` of a batch where its time is known.
4. Whole lines where several streams may interleave; a batch may be empty when only the state changed.
5. Die promptly: cancellation at any `await` must leave nothing behind, neither threads nor open files.
6. `state` describes the stream *after* the batch, so that state and bytes travel in one order through the queue.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal, Protocol

from connwatch.model.mark import Gap, Mark

__all__ = ["EVERY_STREAM", "Arrival", "Batch", "Gap", "Source", "SourceStatus", "State"]

State = Literal["catching_up", "live", "down", "ended"]

EVERY_STREAM = ""
"""The stream name of a batch whose state is that of all streams of the source."""


@dataclass(slots=True)
class Batch:
    """Bytes of one stream. `seen_at` is when they were read, in seconds since the epoch; None for a backlog, whose lines are older than that.

    `stream` is the name the engine knows: the source's own, or "source/file" where a source holds several files.
    `cursor` resumes after `data`; it is opaque text, to be stored and handed back. None: this stream cannot be resumed, or (without data)
    nothing has changed about where to resume. `marks` is what became known of the program behind the stream; `gap` what was lost before `data`.
    `format` is the format that the stream itself says it is in ("auto": it says none); None where nothing is known of that.
    """

    stream: str
    data: bytes
    seen_at: float | None
    state: State
    cursor: str | None = None
    marks: tuple[Mark, ...] = ()
    gap: Gap | None = None
    format: str | None = None


@dataclass(slots=True)
class SourceStatus:
    """What a source can say of itself. Written by the source and its supervisor, read by metrics and `/readyz`.

    `note` is one sentence about why it cannot be read now, or "". Keys of `reopened` and `gaps` are short reasons from a closed list.
    """

    state: State = "down"
    attached: bool = False  # has been up at least once
    note: str = ""
    warnings: dict[str, str] = field(default_factory=dict)  # one sentence about each thing that looks wrong with its lines
    bytes: int = 0
    duplicates: int = 0  # lines that came again and were dropped
    last_read_at: float | None = None
    newest_at: float | None = None  # the newest stamp in what was read
    lag: float | None = None  # seconds between that stamp and its reading, for live lines
    reopened: Counter[str] = field(default_factory=Counter)
    gaps: Counter[str] = field(default_factory=Counter)


class Source(Protocol):
    """One perpetual stream, or a few of a kind. See the module's text for what it must do."""

    name: str
    format: str
    status: SourceStatus
    kind: ClassVar[str]
    """The word for its kind in a configuration."""
    delivery: ClassVar[str]
    """What it promises about lines that may be lost or come twice, in one sentence for `connwatch sources` and the documentation."""
    expected: tuple[str, ...]
    """The streams it will surely have; those that must be discovered are not among them."""

    def stream(self, after: Mapping[str, str]) -> AsyncGenerator[Batch, None]:
        """Yield batches; `after` maps stream names to the last cursor that was taken."""
        ...


@dataclass(slots=True)
class Arrival:
    """A batch and the source that gave it."""

    source: Source
    batch: Batch
