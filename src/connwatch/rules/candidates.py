"""The cheap look at raw log text: which lines could be of our domain at all. Knows nothing of formats beyond where things stand.

Paths are told in any access log; agents and Referers only where they follow the request as in nginx's combined format or in
nginx-proxy's JSON lines. A pattern must find every line of an attempt; what it finds in vain costs a parse and no more. It begins with a
literal, to which the regex engine skips, and is unrolled by path segment, because a repeated group costs three times as much.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable

from connwatch.rules.catalogue import Catalogue

__all__ = ["Candidates", "candidate_patterns", "covers"]

# Words at the beginning of a path's first segment, grouped by first letter: a branch whose first letter differs is left at once.
_FIRST = (
    rb'm(?:cp(?:[-_.]\w[-\w]*+)?[/?" ]|essages?/?\?)|o(?:auth|idc|penid)|\.well-known/[opmj]|a(?:uthori[sz]e|pprove)'
    rb'|c(?:onsent|allback|onnect/|lients-reg)|log(?:in|on)[/?" ]|s(?:se[/?" ]|ign-?in|so[/?" ])|re(?:gister|alms/)|token'
    rb'|dec(?:ide|ision)|grant[/?" ]|introspect|userinfo'
)
# Words of a deeper segment: fewer for a GET, of which there are many, than for the methods that change something.
_DEEP_GET = (
    rb'mcp(?:[-_.]\w[-\w]*+)?[/?" ]|o(?:auth|idc|penid)|\.well-known/[opmj]|authori[sz]e|c(?:onsent|allback)|login[/?" ]|s(?:se|ign-?in)[/?" ]'
)
_QUERY = rb"\?(?:client_id=|redirect_uri=|response_type=|code_challenge)"
_REFERER = rb'https?://[^/"]*+/(?:authori[sz]e|consent|oauth2?[/?]|[^/?"]*+/(?:authori[sz]e|consent|oauth2?[/?]|[^/?"]*+/(?:authori[sz]e|consent)))'
_COVERED = re.compile(r"(?:/[^/]*){0,3}/(?:mcp|sse)/?|/mcp/.*|/")


class Candidates:
    """The compiled expression for what stands before a request in one format, made when it is first asked for."""

    def __init__(self, catalogue: Catalogue, paths: Iterable[str] = ()) -> None:
        self._catalogue = catalogue
        self._paths = tuple(paths)
        self._compiled: dict[bytes, re.Pattern[bytes]] = {}

    def __call__(self, before: bytes) -> re.Pattern[bytes]:
        """The expression for `before` (see `candidate_patterns`), or for any access log where that is empty."""
        known = self._compiled.get(before)
        if known is None:
            known = self._compiled[before] = re.compile(b"|".join(candidate_patterns(self._catalogue, self._paths, before)))
        return known


def candidate_patterns(catalogue: Catalogue, paths: Iterable[str] = (), before: bytes = b"") -> list[bytes]:
    """Sources of bytes patterns; a line that any of them hits is worth parsing. A hit begins in the line that it is about.

    `paths` are exact paths that the operator has pinned. `before` is what stands before the method in every line of one format, such as
    `] "`: the search is a quarter cheaper with it. Without it the pattern begins with the space before the path and suits any access log.
    """
    agents = _agents(catalogue)
    # Behind the request: status, size, Referer, agent (combined), or in nginx-proxy's LOG_JSON six fields of four quotes each, the Referer fifth.
    combined, after = rb' \d++ \d++ "', b'[^"]*+"'
    referers = [combined + _REFERER, after * 20 + b',"http_referrer":"' + _REFERER]
    named = [combined + rb'[^"]*+" "(?:' + agents + b")", b"," + after * 24 + b',"http_user_agent":"(?:"|' + agents + b")"]
    refusals = [b" 401 ", b',"status":"401"']
    if before:
        kind = slice(1, 2) if before.endswith(b'":"') else slice(0, 1)
        referers, named, refusals = referers[kind], named[kind], refusals[kind]
    referer, agent, refused = b"|".join(referers), b"|".join(named), b"|".join(refusals)
    pinned = b"".join(re.escape(path[1:].encode()) + b'[ ?"]|' for path in sorted(set(paths)) if path.startswith("/"))
    # Of a GET the agent is looked at for the root and for documents: a probe, metadata at a place of its own.
    icon, document = rb'|favicon\.ico[^"]*+"(?:' + referer + b")", rb'|[^"]*+(?<=\.json HTTP/\d\.\d)"(?:' + agent + b")"
    get = pinned + _words(_FIRST, _DEEP_GET, 4) + rb'| [^"]*+"(?:' + agent + b")" + icon + document
    other = pinned + _words(_FIRST, _FIRST, 6) + rb'|[^"]*+"(?:' + refused + b"|" + agent + b"|" + referer + b")"
    if before:
        return [re.escape(before) + b"(?:GET /(?:" + get + b")|POST /(?: |" + other + b")|(?!GET |POST )[A-Z]{3,12}+ /(?:" + other + b"))"]
    return [rb" /(?:(?<=GET /)(?:" + get + b")|(?<!GET /)(?:(?<=POST /) |" + other + b"))"]


@functools.lru_cache(maxsize=1024)
def covers(path: str) -> bool:
    """Whether the patterns find every request for this path, whoever makes it."""
    return _COVERED.fullmatch(path) is not None


def _words(first: bytes, deeper: bytes, depth: int) -> bytes:
    """One of the words at the beginning of any of the first segments, or an authorization parameter that opens the query."""
    nested = b"(?!)"
    for _ in range(depth):
        nested = deeper + rb'|[^/?" ]*+(?:/(?:' + nested + rb")|" + _QUERY + rb")"
    return first + rb'|[^/?" ]*+(?:/(?:' + nested + rb")|" + _QUERY + rb")"


def _agents(catalogue: Catalogue) -> bytes:
    """Agents of clients and of the libraries they use, and the absent agent; libraries of everybody only where a rule says "sdk"."""
    known = {'-"'}
    for client in catalogue.clients.values():
        known.update((*client.agents, *client.mcp_agents, *client.libraries))
    for rule in catalogue.agents.values():
        if rule.candidate:
            known.update(rule.agents)
    first = "".join(sorted({re.escape(text[0]) for text in known}))
    shortest = sorted(text for text in known if not any(text != other and text.startswith(other) for other in known))
    return f"(?=[{first}])(?:{'|'.join(map(re.escape, shortest))})".encode()
