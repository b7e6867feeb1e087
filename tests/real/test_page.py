"""The page in a real browser: it lists the attempts, opens one, and takes whatever strangers wrote into a log for text."""

from __future__ import annotations

import re
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from support.browser import CHROMIUM, MISSING, browser
from support.site import Site, wait

pytestmark = [pytest.mark.real, pytest.mark.skipif(CHROMIUM is None, reason=MISSING), pytest.mark.timeout(180)]

HOST = "<script>alert(1)</script>.example.org"
DRAWN = "[...document.querySelectorAll('#detail li')].map(line => line.innerText)"
AGENT = "Claude-User <img src=x onerror=alert(2)> \x1b[31mred"


def test_the_page_shows_attempts_and_runs_nothing_that_a_stranger_wrote(tmp_path: Path) -> None:
    profile = tmp_path / "profile"
    profile.mkdir()
    with closing(Site(tmp_path)) as site:
        site.write(site.entries)
        now = f"{datetime.now(UTC):%d/%b/%Y:%H:%M:%S +0000}"
        with (tmp_path / "nginx-proxy.log").open("a") as log:
            log.write(f'{HOST} 203.0.113.9 - - [{now}] "POST /mcp HTTP/1.1" 401 74 "-" "{AGENT}" "127.0.0.1:3000"\n')
        line = len((tmp_path / "nginx-proxy.log").read_text().splitlines())
        site.start()
        wait(lambda: any("script" in str(one) for one in site.get("/api/attempts")["attempts"]))
        known = {one["id"]: one for one in site.get("/api/attempts")["attempts"]}
        with browser(profile) as page:
            page.go(f"http://127.0.0.1:{site.port}/")
            page.wait("document.getElementById('link')?.textContent == 'live'")
            page.wait("document.querySelectorAll('#attempts tr').length")
            page.value("document.getElementById('probes').click()")
            page.wait(f"document.querySelectorAll('#attempts tr').length == {len(known)}")
            rows = page.value("[...document.querySelectorAll('#attempts tr')].map(row => row.innerText)")
            assert sum(HOST in row for row in rows) == 1
            page.value(f"[...document.querySelectorAll('#attempts tr')].find(row => row.innerText.includes({HOST!r})).click()")
            told = page.wait("!document.getElementById('detail').hidden && document.getElementById('detail').innerText")
            assert HOST in told
            assert page.value(DRAWN)[0].split() == ["+0.000", "challenge", "401", "POST", "/mcp", f"nginx-proxy:{line}"]
            made = "[...document.body.querySelectorAll('script, img, iframe')].map(one => one.outerHTML)"
            assert page.value(made) == []
            assert "\x1b" not in page.value("document.documentElement.outerHTML")

            stalled = next(one["id"] for one in known.values() if one["outcome"] == "stalled")
            page.go("about:blank")
            page.go(f"http://127.0.0.1:{site.port}/#{stalled}")
            told = page.wait("document.getElementById('detail')?.hidden === false && document.getElementById('detail').innerText")
            assert "Likely: token-unused" in told
            assert f"connwatch report --attempt {stalled}" in told
            drawn = [" ".join(line.split()) for line in page.value(DRAWN)]
            assert any(re.fullmatch(r"\S+ token 200 POST /\S*token nginx-proxy:\d+, coda-mcp:\d+(-\d+)?", line) for line in drawn), drawn
            assert "✕ session never came, and we were listening" in drawn
            ahead = page.value("[...document.querySelectorAll('#detail .lane span')].map(bar => bar.getBoundingClientRect().left)")
            assert len(ahead) > 4
            assert ahead == sorted(ahead)
            terms = page.value("[...document.querySelectorAll('#detail .best dt')].map(term => term.innerText)")
            assert terms == ["why", "do", "check", "unless", "lines", "see"]
            assert page.complaints == []


def test_the_browser_of_these_tests_notices_what_a_policy_forbids(tmp_path: Path) -> None:
    profile = tmp_path / "profile"
    profile.mkdir()
    with closing(Site(tmp_path)) as site:
        site.start()
        with browser(profile) as page:
            page.go(f"http://127.0.0.1:{site.port}/")
            page.wait("document.getElementById('link')?.textContent == 'live'")
            assert page.complaints == []
            page.value("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=alert(1)>')")
            page.value("void setTimeout(() => { throw new Error('of ours') })")
            for said in ("Content Security Policy", "of ours"):
                wait(lambda said=said: page.value("true") and any(said in one for one in page.complaints))
