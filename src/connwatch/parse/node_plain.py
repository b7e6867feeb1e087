"""Plain text of Node servers: request lines as morgan and home-made middleware print them, sentences about sessions, dumped objects.

The TypeScript SDK's example server prints whole objects, live access tokens among them: each is one record, of which only
keys and known facts are kept. Nothing here says which request a sentence is about, so details belong to none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from connwatch.model.line import Line
from connwatch.model.record import Chatter, Detail, Record, Request, Trouble, Unparsed
from connwatch.parse.app_line import message_of, take_time
from connwatch.parse.gather import Gatherer, Message
from connwatch.parse.inspected import fields_of, inline_fields
from connwatch.parse.named import Findings
from connwatch.parse.parser import FormatTable
from connwatch.parse.redact import Redactor
from connwatch.parse.requests import RequestLines
from connwatch.parse.units import duration_of

__all__ = ["NodeParser", "node_parser"]

#: morgan's tiny, dev and short, and what people write themselves: a tag or stamp, an address, method, path, status, the rest.
_REQUEST = re.compile(
    r"(?P<prefix>(?:\[[^\]\n]{1,40}\] ?|\d{4}-\d\d-\d\d[T ][0-9:.,]{8,18}Z?[ :-]{1,4})*)"
    r"(?:(?:::ffff:)?(?P<address>[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9a-f:]{3,45}) (?:- |- - )?)?"
    r"(?P<method>GET|POST|PUT|DELETE|PATCH|HEAD|OPTIONS) (?P<target>/\S{0,8000})(?: HTTP/\d(?:\.\d)?)?(?: (?P<status>[1-5]\d\d)(?!\S))?(?P<rest> .*|)"
)
_TOOK = re.compile(r"(\d{1,7}(?:\.\d{1,6})?) ?ms\b")
_SIZE = re.compile(r" - (\d{1,12})\s*$|^ (\d{1,12}) - ")
_SESSION_IS = re.compile(r"\bsession=([0-9A-Za-z-]{8,64})")
_MCP_METHOD = re.compile(
    r" ((?:initialize|ping|(?:notifications|tools|resources|prompts|server|completion|logging|sampling|roots)/[A-Za-z_/]{2,40}))(?= |$)"
)
_SESSION = re.compile(r"\b[Ss]ession\b(?: \w{2,20}){0,3}(?: ID| id)?:? ['\"]?([0-9a-fA-F]{8}-[0-9a-fA-F-]{27}|[0-9a-fA-F]{32})\b")
_OPENED = re.compile(r"\b(?:initiali[sz]ed|created|new session)\b", re.IGNORECASE)
_CLOSED = re.compile(r"\b(?:closed|terminat\w+|removed|expired)\b", re.IGNORECASE)
_LISTENING = re.compile(r".{0,80}\b(?:listening|running|started)\b.{0,40}\b(?:port|http|on)\b", re.IGNORECASE)
_STOPPED = re.compile(r".{0,40}\b(?:shutting down|shutdown complete|server stopped)\b", re.IGNORECASE)
_ERROR = re.compile(r"(?:.{0,80}?[: ])?(?:[A-Z]\w{0,40})?Error\b")


def node_parser(name: str, table: FormatTable, redactor: Redactor) -> NodeParser:
    """A builder for the table of formats; the format has no settings."""
    del table
    return NodeParser(name, redactor)


class NodeParser:
    """Reads the output of one Node server."""

    def __init__(self, name: str, redactor: Redactor) -> None:
        self._name = name
        self._redactor = redactor
        self._requests = RequestLines(redactor)
        self._gatherer = Gatherer()

    @property
    def format(self) -> str:
        """The name by which it was asked for."""
        return self._name

    def parse(self, line: Line) -> Sequence[Record]:
        """The records that this line completed."""
        message = message_of(line)
        text = message.head
        request = self._request(message)
        if self._gatherer.is_open and request is None and _SESSION.search(text) is None:
            offer = self._gatherer.offer(line.number, text)
            if offer == "more":
                return ()
            if offer == "closed":
                return self.flush()
        return [*self.flush(), *((request,) if request is not None else self._begin(message))]

    def flush(self) -> Sequence[Record]:
        """What is still open."""
        message = self._gatherer.release()
        return () if message is None else (self._told(message),)

    def _begin(self, message: Message) -> Sequence[Record]:
        text = message.head.rstrip()
        if text.endswith(("{", "[")):
            self._gatherer.open(message, "object")
            return ()
        if _ERROR.match(text):
            self._gatherer.open(message, "stack")
            return ()
        return (self._told(message),)

    def _request(self, message: Message) -> Record | None:
        found = _REQUEST.fullmatch(message.head.rstrip())
        if found is None or (found["status"] is None and found["rest"].strip(" -").count(" ") > 1):
            return None
        target = self._requests.target(found["method"], found["target"])
        rest = found["rest"][:400]
        noted = Findings(self._redactor)
        for name, shape in (("sessionid", _SESSION_IS), ("mcp_method", _MCP_METHOD)):
            told = shape.search(rest)
            if told is not None:
                noted.note(name, told[1])
        took, size = _TOOK.search(rest), _SIZE.search(rest)
        duration = duration_of(took[1], "millis") if took is not None else None
        take_time(message, found["prefix"])
        at = message.at
        if at is not None and duration is not None:
            at -= duration
        return Request(
            message.source,
            message.line,
            message.end_line,
            at,
            coarse=message.coarse,
            role="app",
            format=self._name,
            method=target.method,
            path=target.path,
            params=target.params,
            address=found["address"],
            status=int(found["status"]) if found["status"] else None,
            size=int(size[1] or size[2]) if size is not None else None,
            duration=duration,
            keys=list(dict.fromkeys(target.keys + noted.keys)),
            facts=noted.facts,
        )

    def _told(self, message: Message) -> Record:
        """The record of a complete message that is no request."""
        text = message.head
        place = (message.source, message.line, message.end_line, message.at)
        found = Findings(self._redactor)
        for name, value in (*inline_fields(text), *fields_of(message.body)):
            found.note(name, value)
        session = _SESSION.search(text)
        if session is not None:
            found.note("sessionid", session[1])
            if _CLOSED.search(text):
                found.facts["session_closed"] = "yes"
            elif _OPENED.search(text):
                found.facts["session_new"] = "yes"
        if found.keys or found.facts:
            return Detail(*place, format=self._name, of=None, keys=found.keys, facts=found.facts)
        if _ERROR.match(text):
            return Trouble(*place, coarse=False, role="app", format=self._name, cause="other", text=found.text(text))
        if message.body or not text.strip():
            return Chatter(*place, format=self._name)
        if _LISTENING.match(text) or _STOPPED.match(text):
            return Chatter(*place, format=self._name, facts={"stopped" if _STOPPED.match(text) else "started": "yes"})
        return Unparsed(message.source, message.line, found.text(text), "neither a request line, a sentence about a session, nor a dumped object")
