#!/usr/bin/env python3
"""Write an nginx-proxy access log to measure with: ordinary web traffic with connector attempts woven in.

    genlog.py [-n LINES] [--share 0.03] [--open 200] [--rate 300] [--seed 1] [-o FILE]

`--share` is the part of the lines that belongs to attempts (1 is the dense mix), `--open` how many attempts run at once, `--rate`
lines a second of log time. The same arguments give the same bytes. Must not know connwatch: it writes what a proxy would.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Iterator
from typing import NamedTuple

START = 1_780_000_000
SERVER = "mcp.example.net"
SITES = ("www.example.net", "shop.example.net", "api.example.net", "files.example.net", "wiki.example.net", "status.example.net")
BROWSER = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{}.0.0.0 Safari/537.36"
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
CLIENTS = (
    ("Claude-User/1.0", "https%3A%2F%2Fclaude.ai%2Fapi%2Fmcp%2Fauth_callback"),
    ("openai-mcp/1.0.0", "https%3A%2F%2Fchatgpt.com%2Fconnector_platform_oauth_redirect"),
    ("node", "http%3A%2F%2Flocalhost%3A6274%2Foauth%2Fcallback"),
    ("python-httpx/0.28.1", "http%3A%2F%2Flocalhost%3A8765%2Fcallback"),
    ("Cursor/1.4.2", "cursor%3A%2F%2Fanysphere.cursor-mcp%2Foauth%2Fcallback"),
)


class Row(NamedTuple):
    """What one line says, but for its time."""

    host: str
    address: str
    request: str
    status: int
    size: int
    referer: str
    agent: str
    upstream: str


class Writer:
    """Draws rows; all chance comes from one seeded stream."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        draw = self.chance
        self.addresses = [f"{draw.randint(11, 210)}.{draw.randint(0, 255)}.{draw.randint(0, 255)}.{draw.randint(1, 254)}" for _ in range(20_000)]
        self.addresses += [f"2001:db8:{draw.randint(0, 65535):x}::{draw.randint(1, 65535):x}" for _ in range(2_000)]
        self.agents = [BROWSER.format(draw.randint(90, 145)) for _ in range(60)] + ["curl/8.5.0", "Go-http-client/1.1", "kube-probe/1.31"]
        words = ["".join(draw.choices(LETTERS[:26], k=draw.randint(3, 10))) for _ in range(500)]
        self.paths = ["/", "/favicon.ico", "/robots.txt", "/docs/mcp-servers", "/blog/oauth-explained", "/.well-known/security.txt"] * 20
        for _ in range(2_500):
            path = "/" + "/".join(draw.choices(words, k=draw.randint(1, 4)))
            if draw.random() < 0.3:
                path += f"?{draw.choice(words)}={self.token(12)}&{draw.choice(words)}={draw.randint(1, 999)}"
            self.paths.append(path)
        self.statuses = [200] * 80 + [304] * 8 + [301, 302] * 3 + [404] * 4 + [403, 500]
        self.upstreams = [f"172.18.0.{draw.randint(2, 20)}:{draw.choice((80, 3000, 8080))}" for _ in range(12)]

    def token(self, length: int) -> str:
        return "".join(self.chance.choices(LETTERS, k=length))

    def ordinary(self) -> Row:
        draw = self.chance
        verb = "POST" if draw.random() < 0.08 else "GET"
        request = f"{verb} {draw.choice(self.paths)} HTTP/2.0"
        size = int(draw.random() * draw.random() * 90_000)
        site, address, status = draw.choice(SITES), draw.choice(self.addresses), draw.choice(self.statuses)
        return Row(site, address, request, status, size, "-", draw.choice(self.agents), draw.choice(self.upstreams))

    def attempt(self) -> Iterator[Row]:
        """The lines of one attempt, in order; about half of them stop on the way."""
        draw = self.chance
        agent, redirect = draw.choice(CLIENTS)
        backend, person, browser = draw.choice(self.addresses), draw.choice(self.addresses), draw.choice(self.agents[:60])
        end = 99 if draw.random() < 0.55 else draw.randint(1, 8)
        query = (
            f"response_type=code&client_id={self.token(24)}&redirect_uri={redirect}&state={self.token(43)}&code_challenge={self.token(43)}"
            f"&code_challenge_method=S256&scope=tools&resource=https%3A%2F%2F{SERVER}%2Fmcp"
        )
        steps = [
            (False, "POST /mcp HTTP/1.1", 401, 105),
            (False, "GET /.well-known/oauth-protected-resource/mcp HTTP/1.1", 200, 214),
            (False, "GET /.well-known/oauth-authorization-server HTTP/1.1", 200, 782),
            (False, "POST /oauth/register HTTP/1.1", 400 if end == 4 else 201, 431),
            (True, f"GET /oauth/authorize?{query} HTTP/2.0", 200, 2911),
            (True, "POST /oauth/authorize HTTP/2.0", 302, 0),
            (False, "POST /oauth/token HTTP/1.1", 400 if end == 7 else 200, 1288),
            (False, "POST /mcp HTTP/1.1", 200, 912),
            (False, "POST /mcp HTTP/1.1", 202, 0),
            (False, "GET /mcp HTTP/1.1", 405, 0),
            *[(False, "POST /mcp HTTP/1.1", 200, draw.randint(300, 9000)) for _ in range(draw.randint(1, 8))],
        ]
        for by_person, request, status, size in steps[:end]:
            yield Row(SERVER, person if by_person else backend, request, status, size, "-", browser if by_person else agent, "172.18.0.9:3000")


def rows(count: int, share: float, running: int, seed: int) -> Iterator[Row]:
    """`count` rows, of which about `share` belong to attempts, `running` of them at a time."""
    writer = Writer(seed)
    chance = writer.chance
    open_attempts = [writer.attempt() for _ in range(running)]
    for _ in range(count):
        if chance.random() >= share:
            yield writer.ordinary()
            continue
        place = chance.randrange(running)
        row = next(open_attempts[place], None)
        while row is None:
            open_attempts[place] = writer.attempt()
            row = next(open_attempts[place], None)
        yield row


def lines(count: int, share: float, running: int, rate: float, seed: int) -> Iterator[str]:
    for number, row in enumerate(rows(count, share, running, seed)):
        stamp = time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(START + number / rate))
        yield (f'{row.host} {row.address} - - [{stamp}] "{row.request}" {row.status} {row.size} "{row.referer}" "{row.agent}" "{row.upstream}"\n')


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", "--lines", type=int, default=1_000_000)
    parser.add_argument("--share", type=float, default=0.03)
    parser.add_argument("--open", type=int, default=200)
    parser.add_argument("--rate", type=float, default=300.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("-o", "--output", type=argparse.FileType("w"), default=sys.stdout)
    args = parser.parse_args()
    args.output.writelines(lines(args.lines, args.share, args.open, args.rate, args.seed))


if __name__ == "__main__":
    main()
