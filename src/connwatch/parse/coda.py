"""coda-mcp's own log: the lines of every version, and which request each of them is about.

Theory of operation. Each request begins with `[HTTP] <METHOD> <url> auth=yes|no`, which becomes a `Request` at once; what is
printed until the next such line becomes a `Detail` of it, whether it takes one line or twenty. Node runs one handler at a
time up to its first wait, so the lines of a request nearly always stand together; a sentence that cannot be about the
request before it (another method, another path, another session) is a `Detail` of no request and keeps its keys. Lines
that are printed outside requests say so in the table of phrases. What a line means is in `coda_phrases` and `named`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from connwatch.model.line import Line
from connwatch.model.record import Chatter, Detail, Record, Request, Trouble, Unparsed
from connwatch.parse.app_line import message_of
from connwatch.parse.coda_gateway import gateway_record, is_gateway
from connwatch.parse.coda_phrases import Phrase, phrase_of
from connwatch.parse.gather import Gatherer, Message, shape_of
from connwatch.parse.inspected import fields_of, inline_fields
from connwatch.parse.named import Findings
from connwatch.parse.parser import FormatTable
from connwatch.parse.redact import Redactor
from connwatch.parse.requests import RequestLines

__all__ = ["CodaParser", "coda_parser"]

_REQUEST = re.compile(r"\[HTTP\] ([A-Z]{3,10}) (\S+) auth=(yes|no)\s*")
_RULE = re.compile(r"\[={8,}\]\s*")
_STARTED = ("[coda-mcp] HTTP Native MCP Server", "🚀")
_STOPPED = "[coda-mcp] Received SIG"


@dataclass(slots=True)
class _Current:
    """The request whose lines are being read. `session` is the digest of its session id, `opened` whether it made one."""

    line: int
    method: str
    path: str
    session: str = ""
    opened: bool = False


def coda_parser(name: str, table: FormatTable, redactor: Redactor) -> CodaParser:
    """A builder for the table of formats; coda-mcp's format has no settings."""
    del table
    return CodaParser(name, redactor)


class CodaParser:
    """Reads one coda-mcp container's output."""

    def __init__(self, name: str, redactor: Redactor) -> None:
        self._name = name
        self._redactor = redactor
        self._requests = RequestLines(redactor)
        self._gatherer = Gatherer()
        self._current: _Current | None = None

    @property
    def format(self) -> str:
        """The name by which it was asked for."""
        return self._name

    def parse(self, line: Line) -> Sequence[Record]:
        """The records that this line completed."""
        message = message_of(line)
        text = message.head
        tag, phrase, _ = phrase_of(text)
        if not self._gatherer.is_open:
            return self._begin(message, tag, phrase)
        if not tag and not _RULE.fullmatch(text) and not is_gateway(text):
            offer = self._gatherer.offer(line.number, text)
            if offer == "more":
                return ()
            if offer == "closed":
                return self.flush()
        return [*self.flush(), *self._begin(message, tag, phrase)]

    def flush(self) -> Sequence[Record]:
        """What is still open."""
        message = self._gatherer.release()
        return () if message is None else (self._told(message),)

    def _begin(self, message: Message, tag: str, phrase: Phrase | None) -> Sequence[Record]:
        text = message.head
        if tag == "HTTP":
            return (self._request(message),)
        if tag == "coda-mcp" or not text.strip() or _RULE.fullmatch(text) or _is_banner(text):
            return (self._chatter(message),)
        if not tag:
            record = gateway_record(message, self._name, self._redactor) if is_gateway(text) else None
            return (record or Unparsed(message.source, message.line, self._redactor.sample(text), "no line of coda-mcp begins so"),)
        shape = shape_of(text) if phrase is None or phrase.error or phrase.trouble or text.rstrip().endswith("{") else None
        if shape is not None:
            self._gatherer.open(message, shape)
            return ()
        return (self._told(message),)

    def _request(self, message: Message) -> Record:
        found = _REQUEST.fullmatch(message.head)
        if found is None:
            return Unparsed(message.source, message.line, self._redactor.sample(message.head), "a request line of coda-mcp, cut or changed")
        return self._begun(message, found[1], found[2], authorization=found[3] == "yes")

    def _begun(self, message: Message, method: str, url: str, *, authorization: bool) -> Record:
        """The record of a request that begins here, which is the current one from now on."""
        target = self._requests.target(method, url)
        self._current = _Current(message.line, target.method, target.path.rstrip("/"))
        return Request(
            message.source,
            message.line,
            message.end_line,
            message.at,
            coarse=False,
            role="app",
            format=self._name,
            method=target.method,
            path=target.path,
            params=target.params,
            authorization=authorization,
            keys=target.keys,
        )

    def _chatter(self, message: Message) -> Record:
        facts: dict[str, str] = {}
        if message.head.startswith(_STARTED):
            self._current, facts = None, {"started": "yes"}
        elif message.head.startswith(_STOPPED):
            self._current, facts = None, {"stopped": "yes"}
        return Chatter(message.source, message.line, message.end_line, message.at, self._name, facts)

    def _told(self, message: Message) -> Record:
        """The record of a complete message that has a tag."""
        _, phrase, match = phrase_of(message.head)
        found = Findings(self._redactor)
        if phrase is not None and match is not None:
            for name, value in match.groupdict().items():
                found.note(name, value or "")
            found.facts.update(phrase.facts)
        if phrase is None or not phrase.trouble:
            for name, value in (*inline_fields(message.head), *fields_of(message.body)):
                found.note(name, value)
        if phrase is not None and phrase.request:
            fields = dict(fields_of(message.body))
            if fields.get("method") and fields.get("path"):
                return self._begun(message, fields["method"], fields["path"], authorization=True)
        if phrase is not None and phrase.trouble:
            return self._trouble(message, phrase, found)
        if phrase is not None and phrase.error:
            found.fact("app_error", message.head)
        of = self._owner(phrase, found)
        if of is not None:
            _add_outcome(of, found)
        return Detail(message.source, message.line, message.end_line, message.at, self._name, of.line if of else None, found.keys, found.facts)

    def _trouble(self, message: Message, phrase: Phrase, found: Findings) -> Record:
        return Trouble(
            message.source,
            message.line,
            message.end_line,
            message.at,
            coarse=False,
            role="app",
            format=self._name,
            cause=phrase.trouble,
            text=found.text(message.head.rstrip(" {")),
        )

    def _owner(self, phrase: Phrase | None, found: Findings) -> _Current | None:
        """The request that a sentence is about: the last one, unless the sentence cannot be about it."""
        current = self._current
        if current is None or (phrase is not None and phrase.belongs == "outside"):
            return None
        if phrase is not None:
            method, ending = phrase.of
            if (method and method != ("GET" if current.method == "HEAD" else current.method)) or not current.path.endswith(ending):
                return None
        session = next((digest for kind, digest in found.keys if kind == "session"), "")
        if session and current.session not in ("", session):
            return None
        current.session = current.session or session
        return current


def _add_outcome(current: _Current, found: Findings) -> None:
    """Only a session that this request both opened and still had at its end came from a valid initialize."""
    if found.facts.get("session_new"):
        current.opened = True
    elif found.facts.pop("handled", "") and current.method == "POST":
        kept = any(kind == "session" for kind, _ in found.keys)
        if current.opened or not kept:
            found.facts["valid_initialize"] = "yes" if current.opened and kept else "no"


def _is_banner(text: str) -> bool:
    """v1.5 and v2 begin their start-up lines with a pictogram."""
    return unicodedata.category(text[:1] or " ") == "So"
