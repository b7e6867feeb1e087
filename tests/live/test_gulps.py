"""A log that comes late and in gulps, as from a link that was stuck: what stands in it is one story, though nobody saw it in time."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.debian import ten_minutes_ago
from support.site import Site, wait


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path)
    yield site
    site.close()


def test_the_rest_of_a_late_gulp_is_waited_for(site: Site) -> None:
    site.start()
    wait(lambda: {one["state"] for one in site.get("/api/sources")["sources"]} == {"live"})
    lines = ten_minutes_ago()
    assert "POST /token" in lines[-1]
    with (site.folder / "nginx-proxy.log").open("a") as log:
        for line in lines:
            log.write(line + "\n")
            log.flush()
            time.sleep(0.3)  # the daemon turns between any two of them
    wait(site.listed)
    (attempt,) = (json.loads(row) for row in site.ask("attempts", "--json").stdout.splitlines())
    assert (attempt["outcome"], attempt["stuck_at"], attempt["diagnoses"][0]["code"]) == ("stalled", "session", "token-unused")
    site.stop()


@pytest.mark.parametrize("hangup", ["before", "after"])
def test_a_late_gulp_beside_a_reload_is_told_once(site: Site, hangup: str) -> None:
    site.start()
    assert site.daemon is not None
    wait(lambda: {one["state"] for one in site.get("/api/sources")["sources"]} == {"live"})
    if hangup == "before":
        site.daemon.send_signal(signal.SIGHUP)
        time.sleep(0.1)
    lines = ten_minutes_ago()
    with (site.folder / "nginx-proxy.log").open("a") as log:
        log.writelines(f"{line}\n" for line in lines)
    if hangup == "after":
        wait(lambda: sum(one["lines"] for one in site.get("/api/sources")["sources"]) == len(lines))  # taken, and nothing is decided about them
        site.daemon.send_signal(signal.SIGHUP)
    wait(site.listed)
    site.stop()
    assert [kind for kind, _ in site.told()].count("closed") == 1
