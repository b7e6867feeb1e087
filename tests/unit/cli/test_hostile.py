"""Input as the world has it, through the installed program: a clear message or a counted skip, never a traceback, nothing else lost."""

from __future__ import annotations

import ctypes
import gzip
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("CONNWATCH_")}
SECRETS = {
    "state": "St4te9xQvLmZp0TnRb",
    "code": "C0deQ8wErT2yUiOp3AsDf",
    "challenge": "ChAlLengE0123456789abcdefghijklmnopqrstuvwxyz",
    "verifier": "VeRiFiErabcdefghij0123456789ABCDEFGHIJabcdefghij",
    "session": "0f3d2c1b-7a6b-4c5d-8e9f-0123456789ab",
    "bearer": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.SfLKxwRJSMeKKF2QT4",
    "pat": "pat_0123456789abcdef0123456789abcdef",
}


def line(request: str, status: int, second: int = 6, referer: str = "-", agent: str = "Claude-User") -> str:
    stamp = f"23/Nov/2026:07:51:{second:02d} +0000"
    return f'mcp.example.org 203.0.113.7 - - [{stamp}] "{request} HTTP/1.1" {status} 120 "{referer}" "{agent}" "10.0.0.2:80"\n'


AUTHORIZE = (
    "GET /authorize?response_type=code&client_id=abc&redirect_uri=https%3A%2F%2Fclaude.ai%2Fapi%2Fmcp%2Fauth_callback"
    f"&state={SECRETS['state']}&code_challenge={SECRETS['challenge']}"
)
GOOD = (
    line("POST /mcp", 401)
    + line("GET /.well-known/oauth-protected-resource/mcp", 200, 6)
    + line("GET /.well-known/oauth-authorization-server", 200, 7)
    + line("POST /register", 201, 7)
    + line(AUTHORIZE, 302, 9, agent="Mozilla/5.0 (X11) Chrome/141.0")
    + line("POST /token", 200, 11)
)


def connwatch(*args: str, stdin: bytes = b"", preexec: Callable[[], None] | None = None) -> subprocess.CompletedProcess[bytes]:
    done = subprocess.run(
        [sys.executable, "-m", "connwatch", *args], input=stdin, capture_output=True, timeout=100, env=CLEAN, check=False, preexec_fn=preexec
    )
    assert b"Traceback" not in done.stderr
    assert b"fault in connwatch" not in done.stderr
    return done


def as_any_other_user() -> None:
    """Root reads everything; this child gives up that right (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH) before it becomes the program."""
    if os.geteuid() == 0:
        drop_from_bounding_set = 24
        for capability in (1, 2):
            ctypes.CDLL(None).prctl(drop_from_bounding_set, capability)


def stages(done: subprocess.CompletedProcess[bytes]) -> set[str]:
    """Every stage in any attempt of a `replay --json`."""
    return {event["stage"] for row in map(json.loads, done.stdout.splitlines()) for event in row["events"]}


ALL_STAGES = {"challenge", "resource_metadata", "server_metadata", "registration", "authorization", "token"}

HOSTILE: dict[str, bytes] = {
    "a line of 10 MiB": b"A" * (10 << 20) + b"\n",
    "a line of 10 MiB that looks good": line("POST /mcp", 401).encode()[:-1] + b"B" * (10 << 20) + b"\n",
    "NUL bytes": b"\x00" * 5000 + b"\n" + b"POST /mcp\x00\x00\n",
    "invalid UTF-8": b"\xff\xfe\xc3\x28\xf0\x28\x8c\x28 /mcp \xed\xa0\x80\n",
    "ANSI and OSC": b"\x1b[31mred\x1b]0;owned\x07\x1b]8;;http://x\x1b\\ \x9b2J /mcp\n",
    "ANSI in a request": line("POST /mcp\x1b]0;owned\x07", 401, agent="Claude-User\x1b[2J").encode(),
    "forged quotes": line("GET /x\\x22 200 1 \\x22-\\x22 \\x22evil", 404).encode() + line('GET /" 200 9 "-" "Claude-User" "x', 404).encode(),
    "truncated JSON": b'{"time_local":"2026-11-23T07:51:06+00:00","client_ip":"","remote_addr":"203.0.113.7","request":"POST /mcp HT\n',
    "deep JSON": b'{"a":' * 50_000 + b"\n",
    "no newline at the end": b"cut in the midd",
    "CR LF and lone CR": line("POST /mcp", 401).replace("\n", "\r\n").encode() + b"a\rb\r\n",
    "impossible times": b'mcp.example.org 203.0.113.7 - - [99/Zzz/9999:99:99:99 +9999] "POST /mcp HTTP/1.1" 401 9 "-" "Claude-User" "-"\n'
    b'mcp.example.org 203.0.113.7 - - [31/Dec/9999:23:59:59 +0000] "POST /mcp HTTP/1.1" 401 9 "-" "Claude-User" "-"\n',
    "a status of many digits": line("POST /mcp", 10**19).encode(),
    "a query of 100,000 parameters": line("GET /authorize?" + "&".join(f"a{n}=b" for n in range(100_000)), 400).encode(),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_line_costs_only_itself(name: str, tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    log.write_bytes(GOOD.encode() + HOSTILE[name] + b"\n" + GOOD.replace("07:51:", "08:51:").encode())
    done = connwatch("replay", "--json", str(log))
    assert done.returncode == 1
    assert done.stdout.isascii()
    assert stages(done) >= ALL_STAGES


def test_no_byte_of_a_log_acts_on_the_terminal(tmp_path: Path) -> None:
    hostile = b"".join(HOSTILE[name] for name in ("NUL bytes", "invalid UTF-8", "ANSI and OSC", "ANSI in a request", "forged quotes"))
    log = tmp_path / "access\x1b[31m.log"
    log.write_bytes(GOOD.encode() + hostile)
    table = connwatch("replay", str(log))
    ident = table.stdout.splitlines()[1].split()[0].decode()
    explained = connwatch("explain", "-", stdin=hostile)
    for done in (table, connwatch("replay", str(log), "--attempt", ident), connwatch("report", str(log)), connwatch("check", str(log)), explained):
        for shown in (done.stdout.decode(), done.stderr.decode()):
            assert all(character.isprintable() or character in "\n\t" for character in shown), shown


def test_no_planted_secret_is_in_any_output(tmp_path: Path) -> None:
    proxy, server = tmp_path / "access.log", tmp_path / "server.log"
    referer = f"https://mcp.example.org{AUTHORIZE.removeprefix('GET ')}"
    proxy.write_text(
        GOOD
        + line("POST /consent", 302, 10, referer=referer, agent="Mozilla/5.0 (X11) Chrome/141.0")
        + line(f"GET /sse?session_id={SECRETS['session']}&access_token={SECRETS['bearer']}", 200, 12)
        + line(f"GET /callback?code={SECRETS['code']}&state={SECRETS['state']}", 302, 12)
        + f"garbage code_verifier={SECRETS['verifier']} Authorization: Bearer {SECRETS['bearer']} {SECRETS['pat']}\n"
    )
    server.write_text(
        f"2026-11-23T07:51:11.000000000Z [HTTP] POST /oauth/token?code={SECRETS['code']} auth=no\n"
        f"2026-11-23T07:51:12.000000000Z [Auth] Configured Coda client with token: {SECRETS['pat']}\n"
        f"2026-11-23T07:51:12.100000000Z [MCP] Session initialized: {SECRETS['session']}\n"
    )
    files = (str(proxy), str(server))
    rows = connwatch("replay", "--json", *files)
    outputs = [rows, connwatch("replay", *files), connwatch("replay", "--stats", *files), connwatch("check", *files)]
    for row in map(json.loads, rows.stdout.splitlines()):
        outputs += [connwatch("replay", "--attempt", row["id"], *files), connwatch("report", "--attempt", row["id"], *files)]
    outputs += [connwatch("explain", "--json", "-", stdin=file.read_bytes()) for file in (proxy, server)]
    outputs += [connwatch("explain", "-", stdin=file.read_bytes()) for file in (proxy, server)]
    everything = b"".join(done.stdout + done.stderr for done in outputs).decode()
    assert [name for name, secret in SECRETS.items() if secret in everything or secret[:12] in everything] == []


class TestFiles:
    def test_an_empty_file(self, tmp_path: Path) -> None:
        (tmp_path / "empty.log").touch()
        done = connwatch("replay", str(tmp_path / "empty.log"))
        assert (done.returncode, done.stdout) == (0, b"")
        assert b"empty.log: is empty" in done.stderr

    @pytest.mark.parametrize("command", [("replay",), ("replay", "--json"), ("report",)])
    def test_a_directory_a_vanished_file_and_a_good_one(self, command: tuple[str, ...], tmp_path: Path) -> None:
        good = tmp_path / "good.log"
        good.write_text(GOOD)
        done = connwatch(*command, str(tmp_path), str(tmp_path / "gone.log"), str(good))
        assert done.returncode == 1
        assert b"is a directory; name the files in it" in done.stderr
        assert b"gone.log: no such file" in done.stderr
        assert done.stdout
        nothing = connwatch(*command, str(tmp_path), str(tmp_path / "gone.log"))
        assert (nothing.returncode, nothing.stdout) == (2, b"")

    def test_no_permission(self, tmp_path: Path) -> None:
        log = tmp_path / "secret.log"
        log.write_text(GOOD)
        log.chmod(0)
        done = connwatch("replay", str(log), preexec=as_any_other_user)
        assert done.returncode == 2
        assert b"secret.log: no permission to read it" in done.stderr

    def test_a_gzip_file_cut_short_gives_what_it_has(self, tmp_path: Path) -> None:
        log = tmp_path / "access.log.gz"
        log.write_bytes(gzip.compress(GOOD.encode() + os.urandom(200_000).hex().encode())[:-1000])
        done = connwatch("replay", "--json", str(log))
        assert b"damaged or cut short" in done.stderr
        assert stages(done) >= ALL_STAGES

    def test_gzip_through_standard_input(self) -> None:
        assert stages(connwatch("replay", "--json", "-", stdin=gzip.compress(GOOD.encode()))) >= ALL_STAGES

    def test_two_formats_in_one_file(self, tmp_path: Path) -> None:
        log = tmp_path / "mixed.log"
        as_json = {
            "time_local": "2026-11-23T07:51:12+00:00", "client_ip": "", "remote_addr": "203.0.113.7", "request": "POST /mcp HTTP/1.1",
            "status": "200", "body_bytes_sent": "9", "request_time": "0.010", "upstream_response_time": "0.009", "upstream_addr": "10.0.0.2:80",
            "http_referrer": "", "http_user_agent": "Claude-User", "request_id": "9b736a9c6008a1bd234d5053a2ecc6eb",
        }  # fmt: skip
        log.write_text(GOOD + json.dumps(as_json, separators=(",", ":")) + "\n")
        stats = json.loads(connwatch("replay", "--stats", str(log)).stdout)
        assert (stats["lines"], stats["unparsed"]) == (7, 0)

    def test_a_clock_that_jumps_back_an_hour(self, tmp_path: Path) -> None:
        log = tmp_path / "jump.log"
        log.write_text(GOOD.replace("07:51:", "09:51:") + GOOD)
        assert stages(connwatch("replay", "--json", str(log))) >= ALL_STAGES


def test_arguments_that_are_nonsense() -> None:
    for args in (
        ["replay", os.fsdecode(b"a\xffb")],
        ["replay", "--since", "\x1b[31m", "x"],
        ["explain"],
        ["replay", "--log-format", "x=$", "x:-"],
        ["check", "-"],
    ):
        assert connwatch(*args).returncode in (0, 1, 2)
