"""Lines that another engine has taken already, and that are read again because reading is resumed a little before its end. Knows no format."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from connwatch.model.record import Detail, Request, Trouble
from connwatch.parse.blocks import BlockReader

__all__ = ["Again"]


@dataclass(slots=True)
class Again:
    """Of one source. `waiting` has what each record says that will come again, and on which lines it stood."""

    waiting: dict[str, list[int]] = field(default_factory=dict)
    last: int = 0  # the last of those lines; 0 once it is known how lines are numbered now

    def expect(self, record: Request | Detail | Trouble) -> None:
        """Wait for a record."""
        self.last = max(self.last, record.end_line)
        self.waiting.setdefault(_content(record), []).append(record.line)

    def meet(self, record: Request | Detail | Trouble, reader: BlockReader) -> bool:
        """Whether this is one of the records that come again; each is told once.

        What comes first says how lines are numbered now. Where some are gone (a container was removed) numbers go on behind those that were given.
        """
        places = self.waiting.get(_content(record))
        if self.last:
            by = places[0] - record.line if places else max(0, self.last + 1 - record.line)
            self.last = 0
            record.line += by
            record.end_line += by
            reader.lines += by
        if not places:
            return False
        del places[0]
        if not places:
            del self.waiting[_content(record)]
        return True


def _content(record: Request | Detail | Trouble) -> str:
    """What a record says, wherever it stands: some of what stood before it may be gone when it is read again. Its keys follow from what it says,
    and another version may follow otherwise.
    """
    if isinstance(record, Detail):
        return repr(replace(record, line=0, end_line=0, of=None))
    if isinstance(record, Request):
        return repr(replace(record, line=0, end_line=0, keys=[]))
    return repr(replace(record, line=0, end_line=0))
