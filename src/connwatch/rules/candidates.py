"""The cheap look at raw log text: which lines could be of our domain at all. Knows nothing of formats beyond where things stand.

The patterns are for access lines in the order of nginx's combined format ("text") and for nginx-proxy's JSON lines ("json"). Other formats
have no short cut. A pattern must find every line of an attempt; what it finds in vain costs a parse and no more. They begin with a literal,
because the regex engine then skips to it, and the words are unrolled by path segment, because a repeated group costs three times as much.
"""

from __future__ import annotations

import re
from typing import Literal

from connwatch.rules.catalogue import Catalogue

__all__ = ["candidate_patterns", "covers"]

# Words at the beginning of a path's first segment, grouped by first letter: a branch whose first letter differs is left at once.
_FIRST = (
    rb'm(?:cp(?:[-_](?:server|oauth)[-_\w]*)?[/?" ]|essages?/?\?)|o(?:auth|idc|penid)|\.well-known/[opmj]|a(?:uthori[sz]e|pprove)'
    rb'|c(?:onsent|allback|onnect/|lients-reg)|log(?:in|on)[/?" ]|s(?:se[/?" ]|ign-?in|so[/?" ])|re(?:gister|alms/)|token'
    rb'|dec(?:ide|ision)|grant[/?" ]|introspect|userinfo'
)
# Words of a deeper segment: fewer for a GET, of which there are many, than for the methods that change something.
_DEEP_GET = rb'mcp(?:[-_]oauth[-_\w]*)?[/?" ]|o(?:auth|idc|penid)|\.well-known/[opmj]|authori[sz]e|co?nsent|login[/?" ]|s(?:se|ign-?in)[/?" ]|callback'
_DEEP = _FIRST
_QUERY = rb"\?(?:client_id=|redirect_uri=|response_type=|code_challenge)"
_REFERER = rb'https?://[^/"]*+/(?:authori[sz]e|consent|oauth2?[/?]|[^/?"]*+/(?:authori[sz]e|consent|oauth2?[/?]|[^/?"]*+/(?:authori[sz]e|consent)))'
_COVERED = re.compile(r"(?:/[^/]*){0,3}/(?:mcp|sse)/?|/mcp/.*|/")


def candidate_patterns(catalogue: Catalogue, shape: Literal["text", "json"] = "text") -> list[bytes]:
    """Sources of bytes patterns; a line that any of them hits is worth parsing. A hit begins in the line that it is about."""
    agents = _agents(catalogue)
    get, other = _words(_FIRST, _DEEP_GET, 4), _words(_FIRST, _DEEP, 6)
    if shape == "json":
        # nginx-proxy's LOG_JSON has six fields between the request and the agent: status, size, two times, upstream, Referer.
        referer = rb'[^"]*+"' * 21 + rb',"http_referrer":"' + _REFERER
        agent = rb'[^"]*+"' * 25 + rb',"http_user_agent":"(?:"|' + agents + rb")"
        changing = other + rb'| |[^"]*+","status":"401|' + agent + rb"|" + referer
        return [rb'"request":"(?:GET /(?:' + get + rb"|favicon\.ico" + referer + rb"|" + agent + rb")|(?:POST|HEAD|DELETE|OPTIONS|PUT) /(?:" + changing + rb"))"]
    after = rb'[^"]*+" \d++ \d++ "'
    agent = rb'[^"]*+" "(?:' + agents + rb")"
    return [
        rb'\] "(?:GET /(?:' + get + rb"|favicon\.ico" + after + _REFERER + rb"|" + after + agent + rb")"
        rb"|(?:POST|HEAD|DELETE|OPTIONS|PUT) /(?:" + other + rb'| |[^"]*+" 401 |' + after + rb"(?:" + agent + rb"|" + _REFERER + rb")))"
    ]


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
