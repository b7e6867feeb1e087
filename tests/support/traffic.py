"""Traffic as the proxy and the server would have logged it: attempts of several flavours, running at the same time, with known secrets.

What is made follows from its arguments alone, so that a failing example can be looked at again.
"""

from __future__ import annotations

import random
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256

__all__ = ["CLIENTS", "FLAVOURS", "Plan", "Traffic", "plan_lines", "traffic"]

T0 = 1_795_420_800.0  # 2026-11-23T08:00:00Z
HOST = "mcp.example.org"
#: client -> (agent of its back end, address of it, where the browser is sent back to)
CLIENTS = {
    "claude": ("Claude-User", "160.79.104.10", "https://claude.ai/api/mcp/auth_callback"),
    "chatgpt": ("openai-mcp/1.0.0", "52.230.163.32", "https://chatgpt.com/connector_platform_oauth_redirect"),
    "claude-code": ("claude-code/2.0.37", "203.0.113.40", "http://localhost:53211/callback"),
    "tunnel": ("node", "172.20.0.5", "http://127.0.0.1:33418/"),
}
BROWSER = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"
FLAVOURS = ("connects", "stops after discovery", "abandons", "token refused", "token unused", "reconnects", "streams", "refreshes", "scanner", "curl")


@dataclass(frozen=True)
class Plan:
    """One attempt to be made: `start` in seconds after the beginning, `pace` how much slower than the quickest client."""

    flavour: str
    client: str = "claude"
    start: float = 0.0
    pace: float = 1.0
    seed: int = 0


@dataclass
class Traffic:
    """The two logs, and every secret that went over the wire."""

    logs: dict[str, bytes]
    secrets: list[str] = field(default_factory=list)


@dataclass
class _Row:
    at: float
    text: str


@dataclass
class _Scene:
    plan: Plan
    now: float
    chance: random.Random
    proxy: list[_Row] = field(default_factory=list)
    server: list[_Row] = field(default_factory=list)
    secrets: list[str] = field(default_factory=list)

    def token(self, size: int = 32) -> str:
        value = urlsafe_b64encode(self.chance.randbytes(size)).decode().rstrip("=")
        self.secrets.append(value)
        return value

    def ask(
        self,
        request: str,
        status: int,
        *said: str,
        took: float = 0.004,
        wait: float = 0.05,
        auth: bool = False,
        browser: bool = False,
        referer: str = "-",
    ) -> None:
        """One request, as both logs tell it; `said` are the server's further lines about it."""
        self.now += wait * self.plan.pace
        agent, address, _ = CLIENTS[self.plan.client]
        if browser:
            agent, address = BROWSER, "198.51.100.23"
        end = self.now + took
        method, _, target = request.partition(" ")
        self.server.append(_Row(self.now, f"[HTTP] {method} {target} auth={'yes' if auth else 'no'}"))
        self.server += [_Row(self.now + 0.0001 * (number + 1), text) for number, text in enumerate(said)]
        moment = datetime.fromtimestamp(end, UTC)
        self.proxy.append(
            _Row(
                end,
                f'{HOST} {address} - - [{moment:%d/%b/%Y:%H:%M:%S} +0000] "{request} HTTP/1.1" {status} 120 "{referer}" "{agent}" "172.20.0.6:8080"',
            )
        )
        self.now = end if took < 1 else self.now + 0.01

    # what clients do

    def challenge(self) -> None:
        self.ask("POST /mcp", 401)

    def discovery(self) -> None:
        self.ask("GET /.well-known/oauth-protected-resource/mcp", 404)
        self.ask("GET /.well-known/oauth-protected-resource", 200, "[OAUTH] Protected Resource metadata requested")
        self.ask("GET /.well-known/oauth-authorization-server", 200, "[OAUTH] Authorization Server metadata requested")

    def register(self) -> str:
        client_id = self.chance.choice(["coda-mcp-client", str(uuid.UUID(bytes=self.chance.randbytes(16)))])
        self.ask("POST /oauth/register", 201, "[OAuth] Client registration request received", f"[OAuth] Registered client: {client_id}")
        return client_id

    def authorize(self, client_id: str, *, consent: bool = True) -> tuple[str, str]:
        state, verifier, code = self.token(), self.token(48), self.token()
        challenge = urlsafe_b64encode(sha256(verifier.encode()).digest()).decode().rstrip("=")
        self.secrets.append(challenge)
        back = CLIENTS[self.plan.client][2]
        target = (
            f"/oauth/authorize?response_type=code&client_id={client_id}&redirect_uri={back.replace(':', '%3A').replace('/', '%2F')}"
            f"&state={state}&code_challenge={challenge}&code_challenge_method=S256"
        )
        said = ("[OAuth] Authorization request: {", f"  client_id: '{client_id}',", f"  state: '{state}'", "}")
        self.ask(f"GET {target}", 200, *said, wait=0.4, browser=True)
        if consent:
            self.ask(
                "POST /oauth/authorize", 302, "[OAuth] Authorization form submitted", f"[AuthStore] Created code: {code[:8]}... (PKCE: enabled)",
                f"[OAuth] Redirecting to: {back}?code={code}&state={state}", wait=1.5, browser=True, referer=f"https://{HOST}{target}",
            )  # fmt: skip
        return code, verifier

    def redeem(self, code: str, verifier: str, status: int = 200) -> str:
        bearer = f"pat_{self.chance.randbytes(12).hex()}"
        refresh = self.token()
        self.secrets += [bearer, bearer[4:]]
        good = ["[OAuth] Token issued successfully", "[OAuth] Response: {", f'  "access_token": "{bearer}",', f'  "refresh_token": "{refresh}"', "}"]
        self.ask(
            "POST /oauth/token", status, "[OAuth] Token request received", "[OAuth] Request body: {", '  "grant_type": "authorization_code",',
            f'  "code": "{code}",', f'  "code_verifier": "{verifier}"', "}", *(good if status < 300 else []), wait=0.1,
        )  # fmt: skip
        return bearer

    def session(self, bearer: str, calls: int = 2) -> str:
        session = str(uuid.UUID(bytes=self.chance.randbytes(16)))
        self.secrets.append(session)
        self.ask(
            "POST /mcp", 200, f"[Auth] Configured Coda client with token: {bearer[:8]}...",
            "[MCP] Incoming POST /mcp { sessionId: undefined, hasBody: true, hasAuth: true }", f"[MCP] Session initialized: {session}",
            "[MCP] POST /mcp handled {", f"  sessionId: '{session}',", "  duration: '3ms'", "}", auth=True,
        )  # fmt: skip
        for number in range(calls):
            self.ask(
                "POST /mcp", 202 if not number else 200, f"[MCP] Incoming POST /mcp {{ sessionId: '{session}', hasBody: true, hasAuth: true }}",
                f"[MCP] Reusing session: {session}", auth=True, wait=0.02,
            )  # fmt: skip
        return session

    def play(self) -> None:
        flavour = self.plan.flavour
        if flavour == "scanner":
            for path in ("/.env", "/wp-login.php", "/.git/config", "/mcp", "/admin"):
                self.ask(f"GET {path}", 404, wait=0.1)
        elif flavour == "curl":
            line = f'{HOST} 203.0.113.99 - - [23/Nov/2026:08:00:00 +0000] "GET /health HTTP/1.1" 200 2 "-" "curl/8.7.1" "-"'
            self.proxy.append(_Row(self.now, line))
        elif flavour == "reconnects":
            self.session(f"pat_{self.token(12)}", 3)
        else:
            self._connect(flavour)

    def _connect(self, flavour: str) -> None:
        self.challenge()
        self.discovery()
        if flavour == "stops after discovery":
            return
        client_id = self.register()
        code, verifier = self.authorize(client_id, consent=flavour != "abandons")
        if flavour == "abandons":
            return
        bearer = self.redeem(code, verifier, 400 if flavour == "token refused" else 200)
        if flavour in ("token refused", "token unused"):
            return
        session = self.session(bearer)
        if flavour == "streams":
            self.ask("GET /mcp", 200, f"[MCP] Incoming GET /mcp {{ sessionId: '{session}', hasAuth: true }}", auth=True, took=8.0)
            self.now += 8.2
            self.ask("DELETE /mcp", 200, f"[MCP] Incoming DELETE /mcp {{ sessionId: '{session}', hasAuth: true }}", auth=True)
        if flavour == "refreshes":
            refresh = self.token()
            body = ('  "grant_type": "refresh_token",', f'  "refresh_token": "{refresh}"', "}")
            self.ask("POST /oauth/token", 200, "[OAuth] Request body: {", *body, wait=20.0)
            self.ask("POST /mcp", 200, f"[MCP] Incoming POST /mcp {{ sessionId: '{session}', hasBody: true, hasAuth: true }}", auth=True)


def plan_lines(plan: Plan) -> tuple[list[tuple[float, str]], list[tuple[float, str]], list[str]]:
    """(proxy's lines, server's lines, secrets) of one plan; times in seconds since the epoch."""
    scene = _Scene(plan, T0 + plan.start, random.Random(repr(plan)))
    scene.play()
    return [(row.at, row.text) for row in scene.proxy], [(row.at, row.text) for row in scene.server], scene.secrets


def traffic(plans: Sequence[Plan], *, server: bool = True, stamps: bool = True) -> Traffic:
    """The logs of all plans together, as `docker logs -t` gives them (or without the engine's stamps: seconds only, the server none)."""
    proxy: list[tuple[float, int, str]] = []
    said: list[tuple[float, int, str]] = []
    secrets: list[str] = []
    for number, plan in enumerate(plans):
        one, two, three = plan_lines(plan)
        proxy += [(at, number, f"nginx.1     | {text}" if stamps else text) for at, text in one]
        said += [(at, number, text) for at, text in _whole_blocks(two)]
        secrets += three
    logs = {"nginx.log": _written(proxy, stamps)}
    if server:
        logs["server.log"] = _written(said, stamps)
    return Traffic(logs, sorted(set(secrets)))


def _whole_blocks(rows: Sequence[tuple[float, str]]) -> Iterator[tuple[float, str]]:
    """One thread writes: the lines of one request stay together, so all of them carry its time."""
    at = 0.0
    for when, text in rows:
        at = when if text.startswith("[HTTP]") else at
        yield at, text


def _written(rows: Sequence[tuple[float, int, str]], stamps: bool) -> bytes:
    out = []
    for at, _, text in sorted(rows, key=lambda row: row[:2]):
        stamp = f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%S.%f}000Z " if stamps else ""
        out.append(f"{stamp}{text}\n")
    return "".join(out).encode()
