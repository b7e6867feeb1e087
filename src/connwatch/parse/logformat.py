"""Compiles any nginx `log_format` string into a matcher. Knows how values are written and ended, not what they mean.

A value ends where the literal text behind its variable begins, and nginx escapes what could be mistaken for it, so that one
regular expression without backtracking takes a line apart exactly. Two shapes come out of it: the full one, and a skimming one
for blocks of bytes, which follows a line up to its status and takes the rest on trust.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, field

from connwatch.parse.escapes import ESCAPES

__all__ = ["LogFormat", "Token", "compile_format"]

_VARIABLE = re.compile(r"\$(?:\{([a-z0-9_]+)\}|([a-z0-9_]+))")
_ESCAPE = re.compile(r"\s*escape=([a-z]+)\s+")
_PIECES = re.compile(r"\s*(?:'([^']*)'\s*)+;?\s*")
_NUMBERS = frozenset("body_bytes_sent bytes_sent request_length connection connection_requests server_port remote_port pid".split())  # noqa: SIM905
_SPACED = ("http_", "sent_http_", "upstream_http_", "arg_", "cookie_", "ssl_")
_FIXED = {
    "status": r"\d{3}",
    "time_local": r"\d\d/[A-Za-z]{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}",
    "time_iso8601": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:Z|[+-]\d\d:\d\d)",
    "msec": r"\d{9,11}\.\d{3}",
    "request_time": r"\d+\.\d{3}|-",
}
_BEGINNING = {"request_uri": "/", "uri": "/", "document_uri": "/", "is_args": "?"}
#: What may stand in front of a line (see `strip`): a service, the engine's stamp, colours, a process.
_WRAPPING = rb"(?:[a-z][\w-]*+ ++\| )?+(?:\d{4}-\d\d-\d\dT\S++ )?+(?:\x1b\[[0-9;]*+m)*+(?:[a-z]++\.\d++ ++\| (?:\x1b\[[0-9;]*+m)*+)?+"


@dataclass(slots=True, frozen=True)
class Token:
    """A piece of a `log_format`: literal text, or the variable of that name."""

    text: str
    variable: bool


@dataclass(slots=True)
class LogFormat:
    """A compiled format. `variables` names the groups of `pattern` in order.

    `before` is the literal text between which and its closing quote the request stands, b"" where there is none.
    """

    escape: str
    tokens: list[Token]
    variables: list[str]
    pattern: re.Pattern[str]
    before: bytes
    tail: list[Token] = field(default_factory=list)
    _beginnings: dict[int, re.Pattern[str]] = field(default_factory=dict)

    @property
    def shapes(self) -> tuple[re.Pattern[bytes], ...]:
        """Expressions that skim bytes, each taking more than the one before; compiled here, for few formats are ever skimmed."""
        return _skimming(self.tokens, self.tail)

    def failure(self, text: str) -> str:
        """Where `text` leaves the format: the first piece that it does not have, and the column (1-based) where that was looked for."""
        taken, beyond, at = 0, len(self.tokens) + 1, 0
        while beyond - taken > 1:
            count = (taken + beyond) // 2
            found = self._beginning(count).match(text)
            if found is None:
                beyond = count
            else:
                taken, at = count, found.end()
        if taken == len(self.tokens):
            return f"more text than the format has, from column {at + 1}"
        token = self.tokens[taken]
        wanted = f"${token.text}" if token.variable else f"the text {token.text!r}"
        reached = next((before.text for before in reversed(self.tokens[:taken]) if before.variable), "")
        return f"{wanted} expected at column {at + 1}" + (f", after ${reached}" if reached else "")

    def _beginning(self, count: int) -> re.Pattern[str]:
        """The expression of so many tokens, made when it is first asked for."""
        known = self._beginnings.get(count)
        if known is None:
            known = self._beginnings[count] = re.compile(_joined(self.tokens[:count], self.escape, self.tokens[count:]))
        return known


def compile_format(log_format: str, escape: str = "default", optional_tail: str = "") -> LogFormat:
    """The matcher of a `log_format`: as in nginx.conf (with `escape=` and quotes) or bare, as in nginx-proxy's LOG_FORMAT.

    `optional_tail` is what newer templates added behind it. Raises ValueError with a sentence for the user.
    """
    leading = _ESCAPE.match(log_format)
    if leading is not None:
        escape, log_format = leading[1], log_format[leading.end() :]
    if escape not in ESCAPES:
        raise ValueError(f"escape must be one of {', '.join(ESCAPES)}, not {escape!r}")
    if _PIECES.fullmatch(log_format):
        log_format = "".join(re.findall(r"'([^']*)'", log_format))
    tokens, tail = _tokens(log_format), _tokens(optional_tail)
    variables = [token.text for token in tokens + tail if token.variable]
    if not any(token.variable for token in tokens):
        raise ValueError("a log_format needs at least one $variable")
    body = _joined(tokens, escape, tail)
    pattern = re.compile(body + (f"(?:{_joined(tail, escape, [])})?" if tail else "") + r"[ \r]*", re.DOTALL | re.ASCII)
    return LogFormat(escape, tokens, variables, pattern, _before_request(tokens), tail)


def _tokens(log_format: str) -> list[Token]:
    tokens: list[Token] = []
    at = 0
    for found in _VARIABLE.finditer(log_format):
        if found.start() > at:
            tokens.append(Token(log_format[at : found.start()], variable=False))
        tokens.append(Token(found[1] or found[2], variable=True))
        at = found.end()
    if at < len(log_format):
        tokens.append(Token(log_format[at:], variable=False))
    return tokens


def _joined(tokens: list[Token], escape: str, following: list[Token]) -> str:
    """The expression of `tokens`; `following` is what stands behind them."""
    parts = []
    lazy = 0
    line = [*tokens, *following]
    for index, token in enumerate(tokens):
        if not token.variable:
            parts.append(re.escape(token.text))
            continue
        before = line[index - 1].text[-1:] if index and not line[index - 1].variable else ""
        after = line[index + 1].text if index + 1 < len(line) and not line[index + 1].variable else ""
        if index + 1 < len(line) and not after:
            # Two variables side by side: only where the second begins with a sign of its own can they be told apart.
            parts.append(f"([^ {_BEGINNING[line[index + 1].text]}]*+)" if line[index + 1].text in _BEGINNING else "([^ ]*?)")
            continue
        value = _value(token.text, before, after, escape, last=index + 1 == len(line), lazy=lazy < 2)
        lazy += value == ".+?"
        parts.append(f"({value})")
    return "".join(parts)


def _value(name: str, before: str, after: str, escape: str, *, last: bool, lazy: bool) -> str:
    """The expression of one value between `before` (one character) and `after` (the literal behind it)."""
    if name in _FIXED:
        return _FIXED[name]
    if before == '"' and after.startswith('"'):
        return r'[^"\\]*+(?:\\.[^"\\]*+)*+' if escape == "json" else r'[^"]*+'
    if name in _NUMBERS:
        return r"\d++|-"
    if last:
        return r".*"
    end = re.escape(after.strip()[:1])
    space = re.escape(after[:1])
    some = "++" if escape == "default" else "*+"  # what is empty is written as `-` there
    if name.startswith("upstream_") and not name.startswith("upstream_http_"):
        # Retries make a list: `a:80, b:80`, with ` : ` between server groups.
        return rf"[^ ,{space}]{some}(?:(?:, | : )[^ ,{space}]{some})*+"
    if name in ("remote_user", "request") or name.startswith(_SPACED):
        if not end:
            return ".+?" if lazy else f"[^ ]{some}"
        return f"[^{end}]{some[0]}?"
    return f"[^{space}]{some}"


def _skimming(tokens: list[Token], tail: list[Token]) -> tuple[re.Pattern[bytes], ...]:
    """Whole lines with their newline, by the same rules but simpler: what it does not take is looked at again, one by one.

    First without, then with wrapping; nothing for a format whose request cannot be searched for in its raw text. Values are `[^"]*`,
    because the engine scans for one character several times faster than for two; that they may run into the next line shows in the
    number of lines.
    """
    names = [token.text for token in tokens if token.variable]
    if "request" not in names or any("\n" in token.text for token in (*tokens, *tail)):
        return ()
    body, whole = _skimmed(tokens)
    if "request" not in [token.text for token in tokens[:whole] if token.variable]:
        return ()
    ending, complete = _skimmed(tail) if whole == len(tokens) else (b"", 0)
    optional = rb"(?:" + ending + rb")?+" if tail and complete == len(tail) else b""
    rest = rb" *+\r?+" if whole == len(tokens) and complete == len(tail) else rb".*+"
    line = body + optional + rest + rb"()(?:\n|\Z)"
    return re.compile(rb"(?m)^(?!\d{4}-\d\d-\d\dT)" + line), re.compile(rb"(?m)^" + _WRAPPING + line)


def _before_request(tokens: list[Token]) -> bytes:
    for literal, token in itertools.pairwise(tokens):
        if token == Token("request", variable=True) and not literal.variable and len(literal.text) > 1 and literal.text.endswith('"'):
            return literal.text.encode()
    return b""


def _skimmed(tokens: list[Token]) -> tuple[bytes, int]:
    """The expression of as many tokens as can be told without backtracking, and their number."""
    parts: list[bytes] = []
    for index, token in enumerate(tokens):
        if not token.variable:
            parts.append(re.escape(token.text.encode()))
            continue
        before = tokens[index - 1].text[-1:] if index and not tokens[index - 1].variable else ""
        after = tokens[index + 1].text if index + 1 < len(tokens) and not tokens[index + 1].variable else ""
        if before == '"' and after.startswith('"'):
            parts.append(b'[^"]*+')
        elif token.text == "status":
            parts.append(rb"\d{3}")
        elif token.text == "time_local" and after:
            parts.append(rb".{26}")
        elif token.text == "request" or token.text.startswith((*_SPACED, "upstream_")) or (not after and index + 1 < len(tokens)):
            return b"".join(parts), index
        else:
            parts.append(rb"[^" + re.escape(after[0].encode()) + rb"]*+" if after else rb".*+")
    return b"".join(parts), len(tokens)
