"""What must not matter: how hosts, addresses and secrets are called, on which day it was, where the endpoints lie, how new the clients are.

Recorded traffic is written anew in one such respect, line by line; the same lines must make the same attempts, with the same verdicts.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support import laws

CAPTURES = Path(__file__).parents[1] / "data" / "captures"
NAMES = ("ten", "mixed", "noise")

Logs = dict[str, bytes]
Rewrite = Callable[[bytes], bytes]

_ADDRESS = re.compile(rb"(?<![\d.])(?!127\.|0\.)\d{1,3}\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?![\d.])")
_SECRET = re.compile(rb"[?&](?:state|code_challenge|code|txn|client_id|session_id)=([A-Za-z0-9_.~-]{8,})")
_VERSION = re.compile(rb"(?<=python-httpx/)[\d.]+|(?<=claude-code/)[\d.]+|(?<=openai-mcp/)[\d.]+|(?<=aiohttp/)[\d.]+|(?<=Chrome/)\d+")


def other_hosts(log: bytes) -> bytes:
    log = _ADDRESS.sub(lambda m: b"10.%d.%d.%d" % ((int(m[1]) + 77) % 250, (int(m[2]) + 31) % 250, int(m[3])), log)
    return log.replace(b"coda.bestviable.com", b"tools.example.net").replace(b"lab.test", b"widgets.example")


def other_secrets(log: bytes) -> bytes:
    names = sorted(set(_SECRET.findall(log)), key=len, reverse=True)
    if not names:
        return log
    return re.compile(b"|".join(map(re.escape, names))).sub(lambda m: hashlib.sha256(m[0]).hexdigest().encode()[: len(m[0])], log)


def another_day(log: bytes) -> bytes:
    return log.replace(b"2026-11-23", b"2027-03-04").replace(b"23/Nov/2026", b"04/Mar/2027")


def newer_clients(log: bytes) -> bytes:
    return _VERSION.sub(b"163.2.1", log)


def moved(*places: tuple[bytes, bytes]) -> Rewrite:
    """Endpoints at other places, in requests as in Referers."""
    rows = [(re.compile(rb'(?<=[ "\w])' + old + rb'(?=[? "])'), new) for old, new in places]

    def rewrite(log: bytes) -> bytes:
        for pattern, new in rows:
            log = pattern.sub(new, log)
        return log

    return rewrite


REALM = b"/auth/realms/corp/protocol/openid-connect"
REWRITES: dict[str, Rewrite] = {
    "other hosts and addresses": other_hosts,
    "other secrets": other_secrets,
    "another day": another_day,
    "newer clients": newer_clients,
    "a realm": moved(
        (rb"(?:/oauth)?/register", b"/auth/realms/corp/clients-registrations/openid-connect"),
        (rb"(?:/oauth)?/authorize", REALM + b"/auth"),
        (rb"(?:/oauth)?/token", REALM + b"/token"),
    ),
    "scripts": moved(
        (rb"(?:/oauth)?/register", b"/oauth-register.php"),
        (rb"(?:/oauth)?/authorize", b"/oauth-authorize.php"),
        (rb"(?:/oauth)?/token", b"/oauth-token.php"),
    ),
    "a version in the path": moved((rb"(?:/oauth)?/token", b"/api/v1/oauth2/token"), (rb"/mcp", b"/api/v2/mcp")),
}
BOTH = ("other hosts and addresses", "another day", "newer clients")  # an application's log has its own words for paths


def told(logs: Logs) -> list[tuple[Any, ...]]:
    """The verdict of each attempt, and its lines."""
    rows = []
    for row in laws.at_once(logs):
        lines = sorted((event["source"], event["line"]) for event in row["events"])
        rows.append((lines, row["client"], row["outcome"], row["stuck_at"], [one["code"] for one in row["diagnoses"]]))
    return sorted(rows)


@pytest.mark.parametrize("name", NAMES)
def test_names_days_places_and_versions_do_not_matter(name: str) -> None:
    proxy = {"proxy.log": (CAPTURES / name / "proxy.log").read_bytes()}
    expected = told(proxy)
    assert len(expected) > 1
    for what, rewrite in REWRITES.items():
        changed = {log: rewrite(text) for log, text in proxy.items()}
        assert told(changed) == expected, what


@pytest.mark.parametrize("name", NAMES)
def test_nor_do_they_where_the_server_is_heard_too(name: str) -> None:
    logs = {path.name: path.read_bytes() for path in sorted((CAPTURES / name).glob("*.log"))}
    expected = told(logs)
    for what in BOTH:
        assert told({log: REWRITES[what](text) for log, text in logs.items()}) == expected, what


def test_every_rewrite_changes_some_log() -> None:
    logs = [(CAPTURES / name / "proxy.log").read_bytes() for name in NAMES]
    for what, rewrite in REWRITES.items():
        assert any(rewrite(log) != log for log in logs), what
