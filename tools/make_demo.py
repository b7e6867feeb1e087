"""Writes the stream that `connwatch demo` plays: seventeen minutes of two logs of one imaginary host, generated, with nothing real in it.

Each line of the output is one JSON array: seconds since the start, the log, the text. `%TIME%` stands for nginx's time, which the player
fills in. The shapes of the lines are those of nginx-proxy's container log and of coda-mcp's; values come from a seeded generator, so that
the same program always writes the same stream (a test compares).

    python tools/make_demo.py > src/connwatch/catalogue/demo/stream.jsonl
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Iterator
from urllib.parse import quote

PROXY, APP = "nginx-proxy", "coda-mcp"
HOST, OTHER_HOST, UPSTREAM = "mcp.example.com", "notes.example.com", "172.20.0.6:8080"
TUNNEL = "172.20.0.5"
BROWSER = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36"
DISCOVERY = ("/.well-known/oauth-protected-resource", "/.well-known/oauth-authorization-server")
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
END = 1030.0

Entry = tuple[float, str, str]


class Stream:
    """Collects lines. The application's line is written when a request comes, the proxy's when it ends."""

    def __init__(self, seed: int) -> None:
        self.entries: list[Entry] = []
        self._random = random.Random(seed)

    def text(self, length: int = 43) -> str:
        """A random value as clients and servers make them."""
        return "".join(self._random.choice(LETTERS) for _ in range(length))

    def uuid(self) -> str:
        """A random session id."""
        digits = "".join(self._random.choice("0123456789abcdef") for _ in range(32))
        return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"

    def jitter(self) -> float:
        """A fraction of a second."""
        return round(self._random.uniform(0.004, 0.03), 3)

    def proxy(
        self, at: float, request: str, status: int, size: int, agent: str, *, host: str = HOST, referer: str = "-", upstream: str = UPSTREAM
    ) -> None:
        """One access line."""
        line = f'{host} {TUNNEL} - - [%TIME%] "{request} HTTP/1.1" {status} {size} "{referer}" "{agent}" "{upstream}"'
        self.entries.append((round(at, 3), PROXY, f"nginx.1     | {line}"))

    def app(self, at: float, *lines: str) -> None:
        """Lines of the application, in one breath."""
        for number, line in enumerate(lines):
            self.entries.append((round(at + number * 0.0002, 4), APP, line))

    def request(self, at: float, request: str, status: int, size: int, agent: str, *lines: str, token: bool = False, referer: str = "-") -> float:
        """A request that both logs tell of. Returns when it ended."""
        self.app(at, f"[HTTP] {request} auth={'yes' if token else 'no'}", *lines)
        end = at + self.jitter()
        self.proxy(end, request, status, size, agent, referer=referer)
        return end


def discover(stream: Stream, at: float, agent: str, name: str) -> float:
    """A refused request, the two documents, a registration."""
    at = stream.request(at, "POST /mcp", 401, 85, agent)
    for path, size in zip(DISCOVERY, (864, 548), strict=True):
        at = stream.request(at + 0.2, f"GET {path}", 200, size, agent)
    registered = ("[OAuth] Client registration request received { clientName: '" + name + "' }", "[OAuth] Registered client: coda-mcp-client")
    return stream.request(at + 0.4, "POST /oauth/register", 200, 333, agent, *registered)


def authorize(stream: Stream, at: float, redirect: str, referer: str, *, decides_after: float | None) -> tuple[float, str]:
    """The user's browser: the consent page, and after a while the decision, or none. Returns when, and the code."""
    state, code = stream.text(), stream.text()
    query = (
        f"response_type=code&client_id=coda-mcp-client&redirect_uri={quote(redirect, safe='')}&state={state}"
        f"&code_challenge={stream.text()}&code_challenge_method=S256&resource=https%3A%2F%2F{HOST}%2Fmcp"
    )
    dump = ("[OAuth] Authorization request: {", "  client_id: 'coda-mcp-client',", f"  redirect_uri: '{redirect}',", f"  state: '{state}'", "}")
    at = stream.request(at, f"GET /oauth/authorize?{query}", 200, 3127, BROWSER, *dump, referer=referer)
    if decides_after is None:
        return at, ""
    page = f"https://{HOST}/oauth/authorize?{query}"
    said = (
        "[OAuth] Authorization form submitted",
        f"[AuthStore] Created code: {code[:8]}... (PKCE: enabled)",
        f"[OAuth] Redirecting to: {redirect}?code={code}&state={state}",
    )
    return stream.request(at + decides_after, "POST /oauth/authorize", 302, 171, BROWSER, *said, referer=page), code


def redeem(stream: Stream, at: float, agent: str, code: str, redirect: str, *, good: bool = True) -> float:
    """The code against a token."""
    body = ("[OAuth] Token request received", "[OAuth] Request body: {", '  "grant_type": "authorization_code",', f'  "code": "{code}",',
            f'  "redirect_uri": "{redirect}",', f'  "code_verifier": "{stream.text(64)}"', "}")  # fmt: skip
    if not good:
        return stream.request(at, "POST /oauth/token", 400, 83, agent, *body, f"[AuthStore] PKCE validation failed (S256): {code[:8]}...")
    done = ("[AuthStore] PKCE validation passed (S256)", f"[AuthStore] Code exchanged: {code[:8]}...", "[OAuth] Token issued successfully")
    return stream.request(at, "POST /oauth/token", 200, 117, agent, *body, *done)


def session(stream: Stream, at: float, agent: str, calls: int) -> float:
    """An MCP session: the handshake, the list of tools, some calls, the stream that ends with it."""
    name, token, began = stream.uuid(), stream.text(4).lower(), at
    handled = ("[MCP] POST /mcp handled {", f"  sessionId: '{name}',", "  duration: '3ms',", "  requestCount: 1,", "  totalTokens: 150,",
               "  headersSent: true", "}")  # fmt: skip
    first = (f"[Auth] Configured Coda client with token: pat_{token}...", "[METRICS] Session unknown... - Request #1",
             "[MCP] Incoming POST /mcp { sessionId: undefined, hasBody: true, hasAuth: true }", f"[MCP] Session initialized: {name}",
             "[MCP] Connected server to new transport", *handled)  # fmt: skip
    at = stream.request(at, "POST /mcp", 200, 222, agent, *first, token=True)
    for number, (pause, status, size) in enumerate(
        [(0.05, 202, 5), (0.05, 200, 18593), *[(6.0 + 3 * call, 200, 1400 + 97 * call) for call in range(calls)]]
    ):
        again = (f"[Auth] Configured Coda client with token: pat_{token}...", f"[METRICS] Session {name[:8]}... - Request #{number + 1}",
                 "[MCP] Incoming POST /mcp {", f"  sessionId: '{name}',", "  hasBody: true,", "  hasAuth: true", "}",
                 f"[MCP] Reusing session: {name}", *handled)  # fmt: skip
        at = stream.request(at + pause, "POST /mcp", status, size, agent, *again, token=True)
    stream.proxy(max(at + 1, began + 60), "GET /mcp", 200, 0, agent)
    return at


def hosted(stream: Stream, at: float, agent: str, caller: str, name: str, redirect: str, referer: str, *, reads: float, calls: int | None) -> None:
    """An attempt of a hosted client; `calls` None: the token is never used."""
    at = discover(stream, at, agent, name)
    at, code = authorize(stream, at + 0.9, redirect, referer, decides_after=reads)
    at = redeem(stream, at + 0.3, agent, code, redirect)
    if calls is not None:
        session(stream, at + 0.2, caller, calls)


def everything() -> list[Entry]:
    """The whole stream, in order of time."""
    stream = Stream(9817)
    claude = ("python-httpx/0.28.1", "Claude-User", "Claude", "https://claude.ai/api/mcp/auth_callback", "https://claude.ai/")
    chatgpt = (
        "Python/3.12 aiohttp/3.13.5",
        "openai-mcp/1.0.0",
        "ChatGPT",
        "https://chatgpt.com/connector_platform_oauth_redirect",
        "https://chatgpt.com/",
    )
    code, inspector = "claude-code/2.1.204 (cli)", "http://localhost:6274/oauth/callback"
    hosted(stream, 4, *claude, reads=9.5, calls=6)
    at = discover(stream, 40, claude[0], "Claude")
    authorize(stream, at + 1, claude[3], claude[4], decides_after=None)
    hosted(stream, 95, *chatgpt, reads=14.2, calls=5)
    hosted(stream, 170, *claude, reads=6.1, calls=None)
    for number in range(3):  # the virtual host without a certificate, HTTPS forced
        stream.proxy(260 + 7.0 * number, "POST /mcp", 301, 169, claude[0], host=OTHER_HOST, upstream="-")
    at = discover(stream, 330, code, "Claude Code")
    at, granted = authorize(stream, at + 2, "http://localhost:51763/callback", "-", decides_after=4.4)
    session(stream, redeem(stream, at + 0.1, code, granted, "http://localhost:51763/callback") + 0.1, code, 8)
    at = discover(stream, 470, "node", "MCP Inspector")
    at, granted = authorize(stream, at + 1, inspector, "-", decides_after=3.0)
    redeem(stream, at + 0.2, "node", granted, inspector, good=False)
    hosted(stream, 580, *claude, reads=3.3, calls=4)
    noise(stream)
    return sorted(stream.entries, key=lambda entry: entry[0])


def noise(stream: Stream) -> None:
    """What stands in every public log: scanners, a crawler, a monitor; and the health checks that only the application sees."""
    for number, (request, agent) in enumerate(
        [
            ("GET /.env", "Mozilla/5.0 zgrab/0.x"),
            ("GET /wp-login.php", "Mozilla/5.0 zgrab/0.x"),
            ("GET /robots.txt", "Mozilla/5.0 (compatible; Googlebot/2.1)"),
        ]
    ):
        stream.proxy(24 + 1.7 * number, request, 404, 146, agent)
    for second in range(60, int(END), 300):
        stream.proxy(second + 0.5, "HEAD /mcp", 401, 0, "UptimeRobot/2.0")
    at = 1.0
    while at < END:
        stream.app(at, "[HTTP] GET /health auth=no")
        at += 30


def lines() -> Iterator[str]:
    """The stream as it is stored."""
    for entry in everything():
        yield json.dumps(entry, separators=(",", ":"))


if __name__ == "__main__":
    sys.stdout.writelines(f"{line}\n" for line in lines())
