"""docs/quickstart.md: what it shows of `connwatch init` is what that says of such a machine, and the log format is the one that is recommended."""

from __future__ import annotations

import re
from pathlib import Path

from connwatch.cli.choosing import choose
from connwatch.cli.found import Container, Engine, Found
from connwatch.cli.init import _lines
from connwatch.cli.spans import drawn
from connwatch.settings.advice import FIELDS, RECOMMENDED, Advice, variables_of
from connwatch.settings.loader import load_catalogue

DOCS = Path(__file__).resolve().parents[2] / "docs"
FORMATS = load_catalogue().formats
DROPLET = Found(
    Engine(
        "unix:///var/run/docker.sock",
        containers=(
            Container("cloudflared", "cloudflare/cloudflared:latest", "tunnel", "running"),
            Container("coda-mcp", "coda-mcp:v1.0.12", "server", "running", settings={"VIRTUAL_HOST": "mcp.example.org"}),
            Container("nginx-proxy", "nginxproxy/nginx-proxy:latest", "proxy", "running"),
        ),
    ),
)


def block(page: str, before: str) -> str:
    found = re.search(rf"{re.escape(before)}\n+```\w*\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None, before
    return found[1]


def test_what_init_says_of_a_droplet():
    said = "".join(f"{drawn(line, colour=False)}\n" for line in _lines(DROPLET, choose(DROPLET, FORMATS), Path("connwatch.toml"), 120))
    assert block("quickstart.md", "<!-- drawn by: tests/docs/test_quickstart.py -->") == said


def test_the_log_format_to_set_is_the_recommended_one():
    best = FORMATS[RECOMMENDED]
    advice = Advice("", (), f"{best['log_format']}{best['optional_tail']}")
    assert block("log-formats.md", "in a compose file a dollar is written twice:") == f"{advice.compose}\n"
    assert block("log-formats.md", "with `access_log /var/log/nginx/access.log connwatch;`:") == f"{advice.nginx}\n"


def test_each_field_of_the_recommended_format_has_a_word():
    text = (DOCS / "log-formats.md").read_text(encoding="utf-8")
    rows = " ".join(re.findall(r"^\| ([^|]*) \|", text[text.index("| field | what it tells") :], re.MULTILINE))
    extra = variables_of(f"{FORMATS[RECOMMENDED]['log_format']}{FORMATS[RECOMMENDED]['optional_tail']}") - variables_of(
        FORMATS["nginx-proxy"]["log_format"]
    )
    unnamed = {name for name in extra if f"${name}" not in rows} - {"upstream_addr", "http_mcp_session_id", "sent_http_mcp_session_id"}
    assert unnamed == set()
    assert "both session ids" in rows


def test_what_check_promises_of_a_field_is_what_was_measured():
    text = (DOCS / "log-formats.md").read_text(encoding="utf-8")
    scores = dict(re.findall(r"^\| (.*?) \| [\d.]+ \| [\d.]+ \| ([\d.]+) \|$", text, re.MULTILINE))
    plain, stamped = scores["the default line, stamped to the second"], scores["the default line and `$msec`"]
    promised = {field.variables[0]: field.buys for field in FIELDS}
    assert f"{plain} becomes {stamped}" in promised["msec"]
    assert f"{stamped} becomes {scores['… and both session ids']}" in promised["http_mcp_session_id"]
    assert f"with the session ids {scores['all of them but `$request_time`']} becomes {scores['all of them']}" in promised["request_time"]
