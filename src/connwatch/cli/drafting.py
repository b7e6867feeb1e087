"""Writes a configuration from a choice: TOML with its reasons as comments. Pure; must not know how anything was found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from textwrap import wrap

from connwatch.cli.choosing import Choice
from connwatch.parse.printable import printable

__all__ = ["draft"]

_HEAD = """\
# connwatch, written by `connwatch init` from what it found on this machine. Change what is wrong; every setting: docs/configuration.md.
#   connwatch check --config {path}    says whether it holds, and what the logs' formats hide
#   connwatch run --config {path}      follows, and serves page, API and metrics

[state]
# The file that keeps attempts and reading positions over a restart; a path without a slash in front begins where connwatch is started.
path = "var/connwatch.db"
# Days that attempts are kept, and the most megabytes that the file may take.
keep_days = 30
max_mb = 256

[http]
# Page, API, /metrics and /healthz. To listen beyond loopback, name a file with a token (openssl rand -hex 32).
listen = "127.0.0.1:9817"
# token_file = "/etc/connwatch/token"
"""
_EXAMPLES = """\
# Nothing was found that could be followed. Take the marks away from what you have:
#
# [[sources]]
# name = "nginx-proxy"
# kind = "docker"
# container = "nginx-proxy"
#
# [[sources]]
# name = "access"
# kind = "file"
# path = "/var/log/nginx/access.log"
#
# [[sources]]
# name = "far-server"
# kind = "ssh"
# host = "operator@droplet.example.org"
# container = "coda-mcp"
"""
_ALERTS = """\
# Who is told of failures: a file with one Apprise URL a line, readable by its owner only; docs/alerts.md. `connwatch notify --test` tries it.
# [alerts]
# targets_file = "/etc/connwatch/targets"
"""
_WIDTH = 130


def draft(choice: Choice, path: str) -> str:
    """The text of a configuration file that is going to stand at `path`."""
    return "\n".join(_blocks(choice, printable(path)))


def quoted(text: str) -> str:
    """A TOML string of one line."""
    return f'"{"".join(map(_character, text))}"'


def _character(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    if character.isprintable():
        return character
    point = ord(character)
    return "\\ufffd" if 0xD800 <= point < 0xE000 else f"\\u{point:04x}" if point < 0x10000 else f"\\U{point:08x}"  # a surrogate cannot stand in TOML


def _blocks(choice: Choice, path: str) -> Iterator[str]:
    yield _HEAD.format(path=path)
    if choice.remarks:
        yield "".join(_comments("What to see to:")) + "".join(
            line for remark in choice.remarks for line in (*_comments(f"{remark.what} {remark.do}", "- ", "  "), *_exactly(remark.setting))
        )
    if not choice.sources:
        yield _EXAMPLES
    for source in choice.sources:
        yield "".join(_comments(f"{source.name}: {source.why}.")) + _table("[[sources]]", {"name": source.name, **source.settings, "format": "auto"})
    for name, log_format in choice.formats.items():
        yield "".join(_comments("LOG_FORMAT as the proxy's container has it.")) + _table(
            f"[formats.{quoted(name)}]", {"log_format": log_format, "role": "proxy"}
        )
    if choice.hosts:
        listed = ", ".join(map(quoted, choice.hosts))
        yield f'# Servers with a label of their own in the metrics; all others are "other".\n[metrics]\nhosts = [{listed}]\n'
    else:
        yield '# Servers with a label of their own in the metrics; all others are "other".\n# [metrics]\n# hosts = ["mcp.example.org"]\n'
    if choice.servers:
        yield _table("# The server that a source speaks of, where its lines name no host.\n[engine.servers]", choice.servers, quote_keys=True)
    yield _ALERTS


def _comments(text: str, first: str = "", later: str = "") -> Iterator[str]:
    for number, line in enumerate(wrap(printable(text), _WIDTH, break_long_words=False, break_on_hyphens=False)):
        yield f"# {later if number else first}{line}\n"


def _exactly(setting: str) -> Iterator[str]:
    """A setting as it is to be copied: on one line."""
    if setting:
        yield f"#   {printable(setting)}\n"


def _table(head: str, entries: Mapping[str, str], *, quote_keys: bool = False) -> str:
    return f"{head}\n" + "".join(f"{quoted(key) if quote_keys else key} = {quoted(value)}\n" for key, value in entries.items())
