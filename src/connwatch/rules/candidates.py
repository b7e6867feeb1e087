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

# Words at the beginning of a path segment, grouped by first letter: a branch whose first letter differs is left at once.
_WORDS = (
    rb"m(?:cp(?:[-_](?:server|oauth)[-_\w]*)?[/?\" ]|essages?/?\?)|o(?:auth|idc|penid)|\.well-known/[opmj]|a(?:uthori[sz]e|pprove)"
    rb"|c(?:onsent|allback|onnect/|lients-reg)|log(?:in|on)[/?\" ]|s(?:se[/?\" ]|ign-?in|so[/?\" ])|re(?:gister|alms/)|token"
    rb"|dec(?:ide|ision)|grant[/?\" ]|introspect|userinfo"
)
_PARAMETERS = rb"c(?:lient_id=|ode_challenge)|redirect_uri=|action=(?:token|authori[sz]e|consent|register)"
_DEPTH = 6
_REFERERS = rb"https?://(?:[^/\"?]*+/)*?(?:authori[sz]e|consent|oauth2?[/?])"
_COVERED = re.compile(r"(?:.*/)?(?:mcp|sse)/?|/mcp/.*|/")


def candidate_patterns(catalogue: Catalogue, shape: Literal["text", "json"] = "text") -> list[bytes]:
    """Sources of bytes patterns; a line that any of them hits is worth parsing. A hit lies within its line."""
    agents = _agents(catalogue)
    words = _unrolled(_DEPTH)
    if shape == "json":
        tail = rb'[^"\n]*+",(?:"[^"\n]*+"[:,])*?"http_user_agent":"(?:' + agents + rb")"
        refused = rb'(?<=POST /)(?: |[^"\n]*+","status":"401)'
        return [rb'"request":"[A-Z]+ /(?:' + words + rb"|" + refused + rb"|" + tail + rb")"]
    tail = rb'[^"\n]*+" \d++ \d++ "(?:[^"\n]*+" "(?:' + agents + rb")|" + _REFERERS + rb")"
    refused = rb'(?<=POST /)(?: |[^"\n]*+" 401 )'
    return [rb'\] "(?:GET|POST|HEAD|DELETE|OPTIONS|PUT) /(?:' + words + rb"|" + refused + rb"|" + tail + rb")"]


def covers(path: str) -> bool:
    """Whether the patterns find every request for this path, whoever makes it."""
    return _COVERED.fullmatch(path) is not None


def _unrolled(depth: int) -> bytes:
    deeper = rb"|[^/?\" \n]*+(?:/" + _unrolled(depth - 1) + rb"|\?(?:[^&\" \n]*+&)*?(?:" + _PARAMETERS + rb"))" if depth else b""
    return rb"(?:" + _WORDS + deeper + rb")"


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
