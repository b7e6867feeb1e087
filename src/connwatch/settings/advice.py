"""What a proxy's log format hides, and the format to set instead. Must not read logs: it compares lists of nginx variables.

The numbers are grouping scores (B-cubed F1) on recorded traffic with known truth, from nginx-proxy's default line upwards, as
docs/log-formats.md has them; those of $connection come from a study of other recordings.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

__all__ = ["FIELDS", "RECOMMENDED", "Advice", "Field", "advise", "variables_of"]

#: The shipped format that is recommended: what it writes is recognised without any configuration.
RECOMMENDED: Final = "nginx-proxy-rich"

_VARIABLE = re.compile(r"\$(?:\{([a-z0-9_]+)\}|([a-z0-9_]+))")


@dataclass(frozen=True, slots=True)
class Field:
    """One thing that a log line can tell: any of `variables` tells it. `hides` is what stays unknown without it, `buys` what is known with it."""

    variables: tuple[str, ...]
    hides: str
    buys: str


#: The likelier a field changes a verdict, the earlier it stands.
FIELDS: Final[tuple[Field, ...]] = (
    Field(("host", "http_host", "server_name"), "which server was asked", "attempts at different servers are kept apart"),
    Field(
        ("msec",),
        "the order of requests within one second (unless the container engine stamps the lines)",
        "millisecond order: 0.83 becomes 0.86 where no engine stamps the lines",
    ),
    Field(
        ("connection",),
        "which requests of a client came over one connection",
        "the client's own requests are tied exactly (precision 0.97); with the code challenge in the server's log 0.90 becomes 0.99",
    ),
    Field(
        ("request_time",),
        "when a request began: nginx writes when it ends",
        "starts and durations, slow calls, cut streams; with the session ids 0.89 becomes 0.90",
    ),
    Field(
        ("http_mcp_session_id", "sent_http_mcp_session_id"),
        "which requests belong to one MCP session",
        "sessions are tied exactly: 0.86 becomes 0.89. The id opens the session, so keep the log private; connwatch keeps a digest only",
    ),
    Field(
        ("http_mcp_method",),
        "which MCP method was called",
        "initialize, list and call are told apart (clients of the 2026 revision send it)",
    ),
    Field(("http_mcp_protocol_version",), "the protocol version that a client speaks", "a refused version is seen instead of guessed"),
    Field(
        ("sent_http_www_authenticate",),
        "why a token was refused, and whether the challenge names the metadata",
        "a missing token, a refused token and a scope too narrow are told apart; it holds no secret",
    ),
    Field(("upstream_addr",), "whether the proxy or the application answered", "a fault of the proxy is told from one of the server"),
    Field(("http_user_agent",), "which program asked", "client families are told apart"),
    Field(("http_referer",), "which sign-in page the browser came from", "consent pages are tied to their attempt"),
    Field(
        ("request_id",),
        "which server line belongs to which proxy line",
        "with X-Request-ID passed on and logged by the server, both logs join exactly",
    ),
)


@dataclass(frozen=True, slots=True)
class Advice:
    """For one log: what its format leaves out, and the format to set. `missing` empty: nothing to gain."""

    format: str
    missing: tuple[Field, ...]
    log_format: str

    @property
    def compose(self) -> str:
        """The setting for nginx-proxy's container in a compose file, where a dollar is written twice."""
        return f"LOG_FORMAT: '{self.log_format.replace('$', '$$')}'"

    @property
    def nginx(self) -> str:
        """The same for an nginx of one's own."""
        return f"log_format connwatch '{self.log_format}';"


def variables_of(log_format: str) -> frozenset[str]:
    """The nginx variables in a `log_format` string."""
    return frozenset(braced or bare for braced, bare in _VARIABLE.findall(log_format))


def advise(name: str, formats: Mapping[str, Mapping[str, Any]], seen_tail: Sequence[str] = ()) -> Advice | None:
    """What the format called `name` hides; None where it is no nginx format. `seen_tail` names variables of its optional tail that were seen."""
    table = formats.get(name, {})
    log_format = table.get("log_format")
    if not isinstance(log_format, str) or str(table.get("kind", "log_format")) != "log_format":
        return None
    present = variables_of(log_format) | set(seen_tail)
    missing = tuple(entry for entry in FIELDS if present.isdisjoint(entry.variables))
    best = formats.get(RECOMMENDED, {})
    return Advice(name, missing, f"{best.get('log_format', '')}{best.get('optional_tail', '')}")
