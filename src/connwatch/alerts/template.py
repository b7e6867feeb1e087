"""Templates of messages: a little Markdown with fields in braces, given out as plain text, Markdown and HTML. Knows no alert.

The first line is the title. Paragraphs are separated by empty lines; **bold** and `code` are the only markup. A line that is nothing but a
field of several lines ({waterfall}, {evidence}, {others}) is shown as it is, in letters of one width. A paragraph with a field that has no
value is left out. What stands in a field is never markup, whoever wrote it.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from connwatch.model.errors import ConfigError

__all__ = ["FIELDS", "TEMPLATES", "Template", "Worded"]

FIELDS: Final[dict[str, str]] = {
    "client": "the clients that are hit, by their names",
    "server": "the server, or the source",
    "step": "the step at which it stopped",
    "code": "the first diagnosis, as its code",
    "title": "the first diagnosis, as its title",
    "count": 'how many attempts, like "3 attempts"',
    "headline": "the last attempt in one sentence",
    "others": "a line for each client, where there is more than one (several lines)",
    "id": "the last attempt's id",
    "started": "when the last attempt began",
    "since": "when the first one stopped",
    "until": "when the last one stopped",
    "flaps": "how often it came and went",
    "calm": "how long it has to be steady",
    "waterfall": "the requests of the last attempt (several lines)",
    "evidence": "up to five requests that the diagnosis rests on, redacted (several lines)",
    "remedy": "what to do",
    "check": "the first check of the diagnosis",
    "detail": "what a source says of its trouble",
    "effect": "what follows from a source's trouble, or from its end",
    "link": "where to see more: the page, or a command",
    "silence": "the command that silences it for two hours",
}
"""The fields that templates may have, and what they hold."""

TEMPLATES: Final = ("stopped", "again", "recovered", "flapping", "source", "source-recovered")
"""The templates that there are: NAME.md."""

_BLOCKS: Final = frozenset({"waterfall", "evidence", "others"})
_TOKEN = re.compile(r"\{([a-z_]*)\}|(\*\*)|(`)")


@dataclass(frozen=True, slots=True)
class Worded:
    """A template that was filled in. `title` is one line of plain text."""

    title: str
    plain: str
    markdown: str
    html: str


class Template:
    """Raises ConfigError, about `where`, for an unknown field or markup that does not end."""

    def __init__(self, text: str, where: str) -> None:
        title, _, body = text.strip("\n").partition("\n")
        for name in re.findall(r"\{([^}\n]*)\}", text):
            if name not in FIELDS:
                raise ConfigError(f"unknown field {{{name}}}", file=where, hint=f"known: {', '.join(FIELDS)}")
        if not title.strip():
            raise ConfigError("the first line is the title, and must not be empty", file=where, hint="see the shipped templates")
        self._title = title.strip()
        self._paragraphs = [one.splitlines() for one in re.split(r"\n[ \t]*\n", body.strip("\n")) if one.strip()]
        for paragraph in self._paragraphs:
            for line in paragraph:
                if line.count("**") % 2 or line.count("`") % 2:
                    raise ConfigError(f"** or ` without its end: {line!r}", file=where, hint="markup must end in the line in which it began")

    def fill(self, values: Mapping[str, str]) -> Worded:
        """`values` by field; an empty one takes its paragraph away."""
        title = "".join(token if kind == "text" else values.get(token, "") for kind, token in _tokens(self._title) if kind in ("text", "field"))
        plain, markdown, marked = [], [], []
        for paragraph in self._paragraphs:
            needed = [token for line in paragraph for kind, token in _tokens(line) if kind == "field"]
            if all(values.get(name) for name in needed):
                plain.append("\n".join(_plain(line, values) for line in paragraph))
                markdown.append("\n".join(_markdown(line, values) for line in paragraph))
                marked.append("".join(_paragraphs(paragraph, values)))
        return Worded(" ".join(title.split()), "\n\n".join(plain), "\n\n".join(markdown), "\n".join(marked))


def _tokens(line: str) -> Iterator[tuple[str, str]]:
    at = 0
    for found in _TOKEN.finditer(line):
        if found.start() > at:
            yield "text", line[at : found.start()]
        yield ("field", found[1]) if found[1] is not None else ("bold", "**") if found[2] else ("code", "`")
        at = found.end()
    if at < len(line):
        yield "text", line[at:]


def _block(line: str) -> str | None:
    name = line.strip()[1:-1] if line.strip().startswith("{") else ""
    return name if name in _BLOCKS else None


def _plain(line: str, values: Mapping[str, str]) -> str:
    block = _block(line)
    if block is not None:
        return "\n".join(f"  {one}" for one in values[block].splitlines())
    return "".join(token if kind == "text" else values[token] for kind, token in _tokens(line) if kind in ("text", "field"))


def _markdown(line: str, values: Mapping[str, str]) -> str:
    block = _block(line)
    if block is not None:
        return _fenced(values[block])
    code = False
    parts: list[str] = []
    for kind, token in _tokens(line):
        code ^= kind == "code"
        if kind != "field":
            parts.append(token)
        elif code:
            parts.append(values[token].replace("`", "'"))
        else:
            parts.append(re.sub(r"([\\`*_\[\]<>#|~])", r"\\\1", values[token]).replace("@", "@\u200b"))  # nobody is called by a log
    return "".join(parts)


def _fenced(text: str) -> str:
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}"


def _paragraphs(lines: list[str], values: Mapping[str, str]) -> Iterator[str]:
    """HTML of one paragraph: a block in it stands by itself."""
    inline: list[str] = []
    for line in lines:
        block = _block(line)
        if block is None:
            inline.append(_html(line, values))
            continue
        if inline:
            yield f"<p>{'<br>'.join(inline)}</p>"
            inline = []
        yield f"<pre>{html.escape(values[block])}</pre>"
    if inline:
        yield f"<p>{'<br>'.join(inline)}</p>"


def _html(line: str, values: Mapping[str, str]) -> str:
    tags = {"bold": "strong", "code": "code"}
    opened: set[str] = set()
    parts: list[str] = []
    for kind, token in _tokens(line):
        if kind in tags:
            parts.append(f"</{tags[kind]}>" if kind in opened else f"<{tags[kind]}>")
            opened ^= {kind}
        else:
            parts.append(html.escape(token if kind == "text" else values[token]))
    return "".join(parts)
