"""What a real nginx writes is what is read: the same requests in four formats at once, hostile ones among them, give the same attempts."""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

NGINX = shutil.which("nginx") or ("/usr/sbin/nginx" if Path("/usr/sbin/nginx").exists() else None)
CONNWATCH = str(Path(sys.executable).parent / "connwatch")
pytestmark = [pytest.mark.real, pytest.mark.skipif(NGINX is None, reason="no nginx here (apt-get install nginx-light)")]

VHOST = '$host $remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" "$upstream_addr"'
JSON = (
    '{"time_local":"$time_iso8601","client_ip":"$http_x_forwarded_for","remote_addr":"$remote_addr","request":"$request","status":"$status",'
    '"body_bytes_sent":"$body_bytes_sent","request_time":"$request_time","upstream_response_time":"$upstream_response_time",'
    '"upstream_addr":"$upstream_addr","http_referrer":"$http_referer","http_user_agent":"$http_user_agent","request_id":"$request_id"}'
)
OWN = '$msec|$host|$request|$status|$body_bytes_sent|$request_time|"$http_user_agent"'
CONFIG = """
daemon off; master_process off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log notice;
events {{ worker_connections 64; }}
http {{
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  log_format vhost '{vhost}';
  log_format json escape=json '{json}';
  log_format own '{own}';
  access_log {folder}/vhost.log vhost; access_log {folder}/combined.log combined; access_log {folder}/json.log json; access_log {folder}/own.log own;
  server {{
    listen 127.0.0.1:{port};
    server_name mcp.example.org;
    location /mcp {{ if ($http_authorization = "") {{ return 401; }} return 200 "ok"; }}
    location /.well-known/ {{ return 200 "{{}}"; }}
    location /register {{ return 201 "{{}}"; }}
    location /authorize {{ return 302 https://claude.ai/api/mcp/auth_callback?code=real-secret-code; }}
    location /token {{ return 200 "{{}}"; }}
    location / {{ return 404; }}
  }}
}}
"""
QUERY = (
    "response_type=code&client_id=c-123456&state=real-secret-state&code_challenge=J3yTq0x2mS9vB1nC5zK8wQ4rE7uI6oP0aSdFgHjKlZx&code_challenge_method=S256"
    "&redirect_uri=https%3A%2F%2Fclaude.ai%2Fapi%2Fmcp%2Fauth_callback"
)
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
ATTEMPT = [
    ("POST", "/mcp", "Claude-User", {}),
    ("GET", "/.well-known/oauth-protected-resource/mcp", "python-httpx/0.28.1", {}),
    ("GET", "/.well-known/oauth-authorization-server", "python-httpx/0.28.1", {}),
    ("POST", "/register", "python-httpx/0.28.1", {}),
    ("GET", f"/authorize?{QUERY}", BROWSER, {}),
    ("POST", "/token", "python-httpx/0.28.1", {}),
    ("POST", "/mcp", "Claude-User", {"Authorization": "Bearer real-secret-token"}),
    ("POST", "/mcp", "Claude-User", {"Authorization": "Bearer real-secret-token"}),
]
HOSTILE = [
    b'GET /x"y HTTP/1.1\r\nHost: mcp.example.org\r\nUser-Agent: a"b\\c\r\nConnection: close\r\n\r\n',
    b"GET /\xff\xfe\x1b[31m HTTP/1.1\r\nHost: mcp.example.org\r\nUser-Agent: \x1b]0;owned\x07\xc3\x28\r\nConnection: close\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    b'GET / HTTP/1.1\r\nHost: mcp.example.org\r\nReferer: " 200 1 "-" "Claude-User\r\nConnection: close\r\n\r\n',
]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    folder, port = tmp_path_factory.mktemp("nginx"), free_port()
    config = folder / "nginx.conf"
    config.write_text(CONFIG.format(folder=folder, port=port, vhost=VHOST, json=JSON, own=OWN), encoding="utf-8")
    with subprocess.Popen([NGINX, "-p", str(folder), "-c", str(config)], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as server:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert server.poll() is None, server.stderr.read()
            time.sleep(0.05)
        for method, path, agent, headers in ATTEMPT:
            client = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            client.request(method, path, headers={"Host": "mcp.example.org", "User-Agent": agent, **headers})
            client.getresponse().read()
            client.close()
        for raw in HOSTILE:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
                connection.sendall(raw)
                connection.recv(4096)
        server.send_signal(signal.SIGQUIT)
        server.wait(timeout=10)
        server.stderr.close()
    return folder


def replay(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "NO_COLOR": "1"}
    return subprocess.run([CONNWATCH, "replay", *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False)


CASES = {"vhost": [], "combined": [], "json": [], "own": ["--log-format", f"own={OWN}"]}
NAMED = {"vhost": "nginx-proxy:vhost.log", "combined": "combined:combined.log", "json": "nginx-proxy-json:json.log", "own": "own:own.log"}


@pytest.mark.parametrize("name", CASES)
def test_no_line_of_nginx_is_left_over(logs, name):
    done = replay(logs, *CASES[name], "--stats", NAMED[name])
    stats = json.loads(done.stdout)
    assert (stats["lines"], stats["unparsed"]) == (len(ATTEMPT) + len(HOSTILE), 0)


@pytest.mark.parametrize("name", CASES)
def test_the_attempt_is_the_same_in_every_format(logs, name):
    done = replay(logs, *CASES[name], "--json", NAMED[name])
    attempts = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(attempt["client"], attempt["outcome"], attempt["stuck_at"]) for attempt in attempts] == [("claude", "connected", None)]
    assert [event["line"] for event in attempts[0]["events"]] == list(range(1, len(ATTEMPT) + 1))
    assert done.returncode == 0


@pytest.mark.parametrize("name", ["vhost", "combined", "json"])
def test_the_format_is_recognised(logs, name):
    done = replay(logs, "--stats", f"{name}.log")
    assert json.loads(done.stdout)["unparsed"] == 0


@pytest.mark.parametrize("arguments", [["--json"], ["--stats"], []], ids=["json", "stats", "table"])
def test_nothing_secret_and_nothing_unescaped_comes_out(logs, arguments):
    done = replay(logs, *arguments, "nginx-proxy:vhost.log")
    for text in (done.stdout, done.stderr):
        assert "real-secret" not in text
        assert "\x1b" not in text
        assert "\x07" not in text
