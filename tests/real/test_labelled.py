"""Containers on a real engine that say by a label what their logs are written in, and a daemon as a user starts it."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from support.dockerd import Dockerd, dockerd, missing
from support.site import Site, wait

pytestmark = [pytest.mark.real, pytest.mark.timeout(180), pytest.mark.skipif(missing() is not None, reason=str(missing()))]

#: A line fits both formats; who is not told takes the first, and knows no host.
SETTINGS = """
[formats.another]
log_format = "$status|$msec|$request|$remote_user"
role = "proxy"
[formats.own]
log_format = "$status|$msec|$request|$host"
role = "proxy"
{sources}"""
SOURCE = """
[[sources]]
name = "{name}"
kind = "docker"
host = "{host}"
start = "beginning"
{more}
"""


@pytest.fixture(scope="module")
def engine() -> Iterator[Dockerd]:
    with dockerd() as running:
        yield running


def says(host: str) -> str:
    return f"echo '401|{int(time.time())}.250|POST /mcp HTTP/1.1|{host}'; "


def test_a_label_sets_the_format_where_the_configuration_says_none(engine: Dockerd, tmp_path: Path) -> None:
    labelled = ("-l", "connwatch.format=own")
    engine.run("first", says("first.example.org") + "sleep 1000", *labelled)
    engine.run("second", says("second.example.org") + "sleep 1000", *labelled)
    engine.run("plain", says("plain.example.org") + "sleep 1000")
    engine.run("mistyped", says("mistyped.example.org") + "echo '[HTTP] POST /mcp auth=no'; sleep 1000", "-l", "connwatch.format=onw")
    sources = {
        "labelled": 'label = "connwatch.format=own"',
        "plain": 'container = "plain"',
        "mistyped": 'container = "mistyped"\nformat = "auto"',
        "configured": 'container = "first"\nformat = "coda-mcp"',
    }
    with closing(Site(tmp_path)) as site:
        site.config.write_text(
            site.config.read_text().partition("[[sources]]")[0]
            + SETTINGS.format(sources="".join(SOURCE.format(name=name, host=engine.host, more=more) for name, more in sources.items()))
        )

        def rows() -> dict[str, Any]:
            return {one["name"]: one for one in site.get("/api/sources").get("sources", [])}

        def taken() -> set[tuple[str, str, str]]:
            """Of each request that was read: its stream, its format, and the host that only one of the formats knows."""
            with closing(sqlite3.connect(f"file:{site.state}?mode=ro", uri=True)) as state:
                rows = [json.loads(body[1:]) for (body,) in state.execute("SELECT body FROM records")]
            return {(row["source"], row["format"], row.get("host", "")) for row in rows}

        site.start()
        wait(lambda: {name: (one["lines"], one["unparsed"]) for name, one in rows().items()} == {
            "labelled": (2, 0), "plain": (1, 0), "mistyped": (2, 0), "configured": (1, 1),
        })  # fmt: skip
        right = {("labelled/first", "own", "first.example.org"), ("labelled/second", "own", "second.example.org"), ("plain", "another", "")}
        wait(lambda: taken() == {*right, ("mistyped", "another", ""), ("mistyped", "coda-mcp", "")})
        warning = rows()["mistyped"]["warning"]
        told = "mistyped is labelled with a format that cannot be used, so its lines are recognised: format: no format called 'onw'"
        assert warning.startswith(told)
        assert warning in (tmp_path / "said").read_text()
        assert warning[:60] in site.ask("sources").stdout.replace("\n", " ").replace("  ", " ")

        # made anew with the right label it goes over to the format; after a restart of the daemon all is as before
        engine.docker("rm", "-f", "mistyped")
        engine.run("mistyped", says("corrected.example.org") + "sleep 1000", *labelled)
        wait(lambda: ("mistyped", "own", "corrected.example.org") in taken())
        assert rows()["mistyped"]["warning"] == ""
        site.stop()
        site.start()
        engine.docker("exec", "second", "sh", "-c", says("later.example.org").rstrip("; ") + " > /proc/1/fd/1")
        wait(lambda: ("labelled/second", "own", "later.example.org") in taken())
        assert rows()["labelled"]["unparsed"] == 0
