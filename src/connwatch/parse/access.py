"""Access lines of any compiled `log_format` as `Request`s. Knows fields, not prefixes: `nginx_stream` takes those off first."""

from __future__ import annotations

from connwatch.model.record import Request, Role
from connwatch.parse import stamps
from connwatch.parse.escapes import unescape
from connwatch.parse.keys import keys_of, visitor_of
from connwatch.parse.logformat import LogFormat
from connwatch.parse.redact import Redactor
from connwatch.parse.requests import RequestLines, Target
from connwatch.parse.variables import PLACES, READERS

__all__ = ["AccessLines"]

_MEMO_SIZE = 2048
_LONGEST_AGENT = 300
_LONGEST_HOST = 255
_LONGEST_ADDRESS = 64
_LONGEST_UPSTREAM = 200
_LONGEST_KNOWN = 512
_STATUSES = {str(status): status for status in (200, 201, 202, 204, 301, 302, 303, 304, 307, 308, 400, 401, 403, 404, 405, 499, 500, 502, 503, 504)}
_ABSENT = frozenset(("", "-", "_"))
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
        first = {place: indices[0] if indices else -1 for place, indices in places.items()}
        self._host_places, self._address_places, self._uri_places = places["host"], places["address"], places["uri"]
        self._one_address = len(self._address_places) == 1
        self._host, self._address, self._agent, self._referer = first["host"], first["address"], first["agent"], first["referer"]
        self._request, self._method, self._args = first["request"], first["method"], first["args"]
        self._status, self._size, self._duration, self._upstream = first["status"], first["size"], first["duration"], first["upstream"]
        self._precise, self._local, self._iso = first["precise"], first["local"], first["iso"]
        self._stamp_only = self._precise < 0 <= self._local
        # $remote_addr as the only address is a place, not a second opinion.
        self._readers = [(where[name], reader) for name, reader in READERS.items() if name in where and (where[name],) != self._address_places]
        self._requests = self._lines.known
        self._hosts: dict[str, str] = {}
        self._agents: dict[str, str] = {}
        self._upstreams: dict[str, str] = {}
        self._referers: dict[str, str] = {}

    def bare(self, text: str, source: str, number: int, seen_at: float | None) -> Request | None:
        """As `request`, of a line that wears no wrapping, as most do: None where it may wear one, or is not of this format."""
        # With the engine's stamp in front it could be taken for a line with a host more.
        return None if text[10:11] == "T" or text[:1] == "\x1b" else self.request(text, source, number, seen_at, None)

    def request(self, text: str, source: str, number: int, seen_at: float | None, engine: float | None) -> Request | None:
        """The request that `text` (the line without its wrapping) tells of, None if it is not of this format.

        `source` and `number` say where the line stands, `seen_at` when it was read; `engine` is the engine's stamp.
        """
        found = self._match(text)
        if found is None:
            return None
        # What repeats from line to line is looked up; only what is new is read by the slower ways below. The empty last value stands
        # for places that the format does not have.
        values = (*found.groups(""), "")
        logged = values[self._address]
        address = logged if self._one_address and 2 < len(logged) < 46 and logged.isprintable() else self._address_of(values)
        known = self._requests.get(values[self._request])
        if known is not None:
            method, path = known
            params: dict[str, str] = {}
            keys: list[tuple[str, str]] = []
        else:
            target = self._target(values, visitor_of(address, self._role))
            method, path, params, keys = target.method, target.path, target.params, target.keys
        at = stamps.clf(values[self._local]) if self._stamp_only and engine is None else None
        coarse = at is not None
        if at is None:
            at, coarse = self._time(values, engine, seen_at)
        status, size, duration = values[self._status], values[self._size], values[self._duration]
        request = Request(
            source, number, number, at, coarse, self._role, self._name,
            method, path, params,
            self._hosts.get(values[self._host]) or self._host_of(values),
            address,
            self._agents.get(values[self._agent]) or self._agent_of(values),
            _STATUSES.get(status) or (int(status) if status.isdecimal() and len(status) < 6 else None),
            int(size) if size.isdecimal() and len(size) < 20 else None,
            _seconds(duration) if duration else None,
            None, {}, self._upstreams.get(values[self._upstream]) or self._upstream_of(values), None, keys,
        )  # fmt: skip
        referer = values[self._referer]
        if referer not in _ABSENT:
            self._add_referer(request, referer)
        for index, reader in self._readers:
            value = values[index]
            reader(request, unescape(value, self.log_format.escape) if "\\" in value else value, self._redactor)
        return request

    def _target(self, values: tuple[str, ...], visitor: str) -> Target:
        escape = self.log_format.escape
        if self._request >= 0:
            return self._lines.line(values[self._request], escape, visitor)
        uri = next((values[index] for index in self._uri_places), "")
        if "?" not in uri and values[self._args] not in _ABSENT:
            uri = f"{uri}?{values[self._args]}"
        return self._lines.target(values[self._method], unescape(uri, escape), visitor)

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
        for index in self._host_places:
            value = values[index]
            if value not in _ABSENT:
                host = self._redactor.text(value.lower().rpartition("@")[2])[:_LONGEST_HOST]
                name, separator, port = host.rpartition(":")
                if separator and port.isdigit():
                    host = name
                if index == self._host:
                    _remember(self._hosts, value, host)
                return host
        return None

    def _address_of(self, values: tuple[str, ...]) -> str | None:
        for index in self._address_places:
            value = values[index]
            if value not in _ABSENT:
                # A chain of proxies names the visitor first.
                address = value.partition(",")[0].strip()
                if len(address) > _LONGEST_ADDRESS or not address.isprintable():
                    address = self._redactor.text(address)[:_LONGEST_ADDRESS]
                return address
        return None

    def _agent_of(self, values: tuple[str, ...]) -> str | None:
        value = values[self._agent]
        if value in _ABSENT:
            return None
        agent = self._redactor.text(unescape(value, self.log_format.escape))[:_LONGEST_AGENT]
        _remember(self._agents, value, agent)
        return agent

    def _upstream_of(self, values: tuple[str, ...]) -> str | None:
        value = values[self._upstream]
        if not value:
            return None
        upstream = self._redactor.text(value)[:_LONGEST_UPSTREAM]
        _remember(self._upstreams, value, upstream)
        return upstream

    def _add_referer(self, request: Request, value: str) -> None:
        known = self._referers.get(value)
        if known is None:
            plain = unescape(value, self.log_format.escape)
            known = self._redactor.address(plain)
            query = plain.partition("?")[2].partition("#")[0]
            if query:
                request.referer_params = self._redactor.params(query)
                request.keys = list(dict.fromkeys((*request.keys, *keys_of(query, request.referer_params, visitor_of(request.address, self._role)))))
            else:
                _remember(self._referers, value, known)
        request.referer = known


def _seconds(value: str) -> float | None:
    try:
        seconds = float(value[:32])
    except ValueError:
        return None
    return seconds if 0.0 <= seconds < 1e8 else None


def _remember(memo: dict[str, str], key: str, value: str) -> None:
    if len(key) <= _LONGEST_KNOWN:
        if len(memo) >= _MEMO_SIZE:
            memo.clear()
        memo[key] = value
