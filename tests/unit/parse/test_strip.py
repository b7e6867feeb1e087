"""What engines and process managers put in front of a line, in the shapes recorded from them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connwatch.parse.strip import Stripped, strip

AT = 1795420564.661401285


@pytest.mark.parametrize(
    ("line", "stripped"),
    [
        ("host 192.0.2.1 - -", Stripped("host 192.0.2.1 - -", None, "", "")),
        ("\x1b[0;33;1mnginx.1     | \x1b[0mhost", Stripped("host", None, "nginx.1", "")),
        ("\x1b[0m\x1b[0;33;1mnginx.1     | 2026/11/23 07:56:04 [notice]", Stripped("2026/11/23 07:56:04 [notice]", None, "nginx.1", "")),
        ("nginx.1    | host", Stripped("host", None, "nginx.1", "")),
        ("dockergen.1 | Received event", Stripped("Received event", None, "dockergen.1", "")),
        ("forego      | starting nginx.1 on port 5100", Stripped("starting nginx.1 on port 5100", None, "forego", "")),
        ("2026-11-23T07:56:04.661401285Z \x1b[0m\x1b[0;33;1mnginx.1     | \x1b[0mhost", Stripped("host", AT, "nginx.1", "")),
        ("nginx-proxy  | nginx.1     | host", Stripped("host", None, "nginx.1", "nginx-proxy")),
        ("nginx-proxy  | 2026-11-23T07:56:04.661401285Z nginx.1     | host", Stripped("host", AT, "nginx.1", "nginx-proxy")),
        ("coda-mcp-1  | [HTTP] GET /mcp", Stripped("[HTTP] GET /mcp", None, "", "coda-mcp-1")),
        ("2026-11-23T07:56:04.661401285Z", Stripped("", AT, "", "")),
        ("\x1b[0m", Stripped("", None, "", "")),
        # A reset that lost its newline when the container died, and the next line behind it.
        ("2026-11-23T07:56:01.000000000Z \x1b[0m2026-11-23T07:56:04.661401285Z forego | x", Stripped("x", AT, "forego", "")),
    ],
)
def test_wrapping_is_taken_off(line: str, stripped: Stripped) -> None:
    assert strip(line) == stripped


@pytest.mark.parametrize(
    "line",
    [
        "INFO     | module:function - text",
        "2026-11-23T07:56:04.661Z the application's own stamp",
        "2026-11-23 07:56:04 text",
        "a | b",
        "|",
        "",
        "x" * 200 + " | y",
    ],
)
def test_what_an_application_writes_itself_stays(line: str) -> None:
    assert strip(line) == Stripped(line, None, "", "")


@given(text=st.text(max_size=80))
def test_no_text_raises(text: str) -> None:
    strip(text)
