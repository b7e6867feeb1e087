"""Access lines of any compiled `log_format` as `Request`s. Knows fields, not prefixes: `nginx_stream` takes those off first."""

from __future__ import annotations

from connwatch.model.line import Line
from connwatch.model.record import Request, Role
from connwatch.parse import stamps
from connwatch.parse.escapes import unescape
from connwatch.parse.logformat import LogFormat
from connwatch.parse.redact import Redactor
from connwatch.parse.requests import RequestLines, Target
from connwatch.parse.variables import PLACES, READERS

__all__ = ["AccessLines"]

_MEMO_SIZE = 2048
_LONGEST_AGENT = 300
_LONGEST_HOST = 255
#: The engine stamps a line when it is written. Further from the line's own second than this, it was held back in a buffer.
_HELD_BACK = 2.5


class AccessLines:
    """Turns the text of one access line into a `Request`."""

    def __init__(self, name: str, log_format: LogFormat, redactor: Redactor, role: Role = "proxy") -> None:
        self.log_format = log_format
        self._name = name
        self._role: Role = role
        self._redactor = redactor
        self._lines = RequestLines(redactor)
        self._match = log_format.pattern.fullmatch
        where: dict[str, int] = {}
        for index, variable in enumerate(log_format.variables):
            where.setdefault(variable, index)
        places = {place: tuple(where[name] for name in names if name in where) for place, names in PLACES.items()}
        self._hosts, self._addresses, self._uris = places["host"], places["address"], places["uri"]
        self._host, self._size = _first(self._hosts), _first(places["size"])
        self._request, self._method, self._args = (_first(places[name]) for name in ("request", "method", "args"))
        self._status, self._duration, self._upstream = (_first(places[name]) for name in ("status", "duration", "upstream"))
        self._referer, self._agent = _first(places["referer"]), _first(places["agent"])
        self._precise, self._local, self._iso = (_first(places[name]) for name in ("precise", "local", "iso"))
        # $remote_addr as the only address is a place, not a second opinion.
        self._readers = [(where[name], reader) for name, reader in READERS.items() if name in where and (where[name],) != self._addresses]
        self._agents: dict[str, str] = {}
        self._hostnames: dict[str, str] = {}
        self._referers: dict[str, str] = {}

    def request(self, text: str, line: Line, engine: float | None) -> Request | None:
        """The request that `text` (the line without its wrapping) tells of, None if it is not of this format. `engine` is the engine's stamp."""
        found = self._match(text)
        if found is None:
            return None
        values = found.groups("")
        target = self._lines.known(values[self._request]) if self._request >= 0 else None
        if target is None:
            target = self._target(values)
        at, coarse = self._time(values, engine, line.seen_at)
        host = self._hostnames.get(values[self._host]) if self._host >= 0 else None
        agent = self._agents.get(values[self._agent]) if self._agent >= 0 else None
        request = Request(
            line.source, line.number, line.number, at, coarse, self._role, self._name,
            target.method, target.path, target.params,
            host if host is not None else self._host_of(values),
            self._address(values),
            agent if agent is not None else self._agent_of(values),
            self._number(values[self._status]) if self._status >= 0 else None,
            self._number(values[self._size]) if self._size >= 0 else None,
            self._seconds(values[self._duration]) if self._duration >= 0 else None,
            None, {}, self._upstream_of(values), None, target.keys,
        )  # fmt: skip
        if self._referer >= 0:
            self._add_referer(request, values[self._referer])
        for index, reader in self._readers:
            value = values[index]
            reader(request, unescape(value, self.log_format.escape) if "\\" in value else value, self._redactor)
        return request

    def _target(self, values: tuple[str, ...]) -> Target:
        escape = self.log_format.escape
        if self._request >= 0:
            request = values[self._request]
            return self._lines.line(unescape(request, escape) if "\\" in request else request)
        uri = next((values[index] for index in self._uris), "")
        if self._args >= 0 and "?" not in uri and values[self._args] not in ("", "-"):
            uri = f"{uri}?{values[self._args]}"
        method = values[self._method] if self._method >= 0 else ""
        return self._lines.target(method, unescape(uri, escape))

    def _time(self, values: tuple[str, ...], engine: float | None, seen_at: float | None) -> tuple[float | None, bool]:
        """When the request ended, and whether that is known to the second only."""
        if self._precise >= 0:
            precise = stamps.epoch(values[self._precise])
            if precise is not None:
                return precise, False
        logged: float | None = None
        if self._local >= 0:
            logged = stamps.clf(values[self._local])
        elif self._iso >= 0:
            logged = stamps.iso(values[self._iso])
        if logged is None:
            return (engine, False) if engine is not None else (seen_at, False)
        if engine is not None and -_HELD_BACK < engine - logged < _HELD_BACK:
            return engine, False
        return logged, True

    def _host_of(self, values: tuple[str, ...]) -> str | None:
        for index in self._hosts:
            value = values[index]
            if value not in ("", "-", "_"):
                known = self._redactor.text(value.lower().rpartition("@")[2])[:_LONGEST_HOST]
                name, separator, port = known.rpartition(":")
                if separator and port.isdigit():
                    known = name
                if index == self._host:
                    _remember(self._hostnames, value, known)
                return known
        return None

    def _address(self, values: tuple[str, ...]) -> str | None:
        for index in self._addresses:
            value = values[index]
            if value not in ("", "-"):
                # A chain of proxies names the visitor first.
                first = value.partition(",")[0].strip()
                return first if len(first) <= 45 and first.isprintable() else self._redactor.text(first)[:64]
        return None

    def _agent_of(self, values: tuple[str, ...]) -> str | None:
        if self._agent < 0:
            return None
        value = values[self._agent]
        if value in ("", "-"):
            return None
        agent = self._redactor.text(unescape(value, self.log_format.escape))[:_LONGEST_AGENT]
        _remember(self._agents, value, agent)
        return agent

    @staticmethod
    def _number(value: str) -> int | None:
        return int(value) if len(value) < 20 and value.isdecimal() else None

    @staticmethod
    def _seconds(value: str) -> float | None:
        try:
            seconds = float(value[:32])
        except ValueError:
            return None
        return seconds if 0.0 <= seconds < 1e8 else None

    def _upstream_of(self, values: tuple[str, ...]) -> str | None:
        if self._upstream < 0:
            return None
        value = values[self._upstream]
        if len(value) < 64 and value.isprintable():
            return value or None
        return self._redactor.text(value)[:200]

    def _add_referer(self, request: Request, value: str) -> None:
        if value in ("", "-"):
            return
        known = self._referers.get(value)
        if known is None:
            plain = unescape(value, self.log_format.escape)
            known = self._redactor.address(plain)
            query = plain.partition("?")[2].partition("#")[0]
            if query:
                request.referer_params = self._redactor.params(query)
            else:
                _remember(self._referers, value, known)
        request.referer = known


def _first(indices: tuple[int, ...]) -> int:
    return indices[0] if indices else -1


def _remember(memo: dict[str, str], key: str, value: str) -> None:
    if len(key) <= 512:
        if len(memo) >= _MEMO_SIZE:
            memo.clear()
        memo[key] = value
