"""Compiles any nginx `log_format` string into a matcher. Knows how values are written and ended, not what they mean.

A value ends where the literal text behind its variable begins, and nginx escapes what could be mistaken for it, so that one
regular expression without backtracking takes a line apart exactly. Two shapes come out of it: the full one, and a skimming one
for blocks of bytes, which follows a line up to its status and takes the rest on trust.
"""

from __future__ import annotations

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
#: What may stand in front of a line (see `strip`): a service, the engine's stamp, colours, a process.
_WRAPPING = rb"(?:[\w.-]++ {2,}\| )?+(?:\d{4}-\d\d-\d\dT\S++ )?+(?:\x1b\[[0-9;]*+m)*+(?:[\w-]++\.\d++ *+\| (?:\x1b\[[0-9;]*+m)*+)?+"  #
#: No quote and no newline; the rare control characters make a table of it, which the matcher scans faster than a list of two.
_QUOTED = rb'[^"\n\x00\x01\x7f]*+'


@dataclass(slots=True, frozen=True)
class Token:
    """A piece of a `log_format`: literal text, or the variable of that name."""

    text: str
    variable: bool


@dataclass(slots=True)
class LogFormat:
    """A compiled format. `variables` names the groups of `pattern` in order; `shape` skims bytes (None: the format does not allow it)."""

    escape: str
    tokens: list[Token]
    variables: list[str]
    pattern: re.Pattern[str]
    shape: re.Pattern[bytes] | None
    tail: list[Token] = field(default_factory=list)

    def failure(self, text: str) -> str:
        """Where `text` leaves the format: the first piece that it does not have, and the column (1-based) where that was looked for."""
        reached, at = "", 0
        for count in range(1, len(self.tokens) + 1):
            found = re.match(_joined(self.tokens[:count], self.escape, self.tokens[count:]), text)
            if found is None:
                token = self.tokens[count - 1]
                wanted = f"${token.text}" if token.variable else f"the text {token.text!r}"
                return f"{wanted} expected at column {at + 1}" + (f", after ${reached}" if reached else "")
            at = found.end()
            if self.tokens[count - 1].variable:
                reached = self.tokens[count - 1].text
        return f"more text than the format has, from column {at + 1}"


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
    return LogFormat(escape, tokens, variables, pattern, _skimming(tokens), tail)


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
            return ".+?" if lazy and after else f"[^ ]{some}"
        return f"[^{end}]{some[0]}?"
    return f"[^{space}]{some}" if after else "[^ ]*?"


def _skimming(tokens: list[Token]) -> re.Pattern[bytes] | None:
    """Whole lines (with their newline) whose beginning up to `$status` is as the format says; None without a `$request` in front of it."""
    names = [token.text for token in tokens if token.variable]
    if "status" not in names or "request" not in names[: names.index("status")]:
        return None
    parts = [rb"(?m)^", _WRAPPING]
    for index, token in enumerate(tokens):
        if not token.variable:
            parts.append(re.escape(token.text.encode()))
            continue
        if token.text == "status":
            after = tokens[index + 1].text[:1] if index + 1 < len(tokens) and not tokens[index + 1].variable else ""
            parts.append(rb"\d{3}" + re.escape(after.encode()))
            break
        value = _skimmed(tokens, index)
        if value is None:
            return None
        parts.append(value)
    return re.compile(b"".join(parts) + rb".*+()(?:\n|\Z)")


def _skimmed(tokens: list[Token], index: int) -> bytes | None:
    name = tokens[index].text
    before = tokens[index - 1].text[-1:] if index and not tokens[index - 1].variable else ""
    after = tokens[index + 1].text if index + 1 < len(tokens) and not tokens[index + 1].variable else ""
    if not after or "\n" in after:
        return None
    if before == '"' and after.startswith('"'):
        return _QUOTED
    if name == "time_local":
        return rb".{26}"
    end = after.strip()[:1]
    if name == "remote_user" and end and after == f" {end}":
        word = rb'[^"\n ' + re.escape(end.encode()) + rb"]++"
        return word + rb"(?: " + word + rb")*+"
    if name in ("remote_user", "request") or name.startswith((*_SPACED, "upstream_")):
        return None
    return rb"\S++" if after.startswith(" ") else rb"[^\n" + re.escape(after[0].encode()) + rb"]*+"
