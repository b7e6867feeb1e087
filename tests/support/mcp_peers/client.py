"""A real MCP client, by the official Python SDK: connects to a server behind OAuth, calls a tool, closes.

    client.py URL AGENT [--before AGENT] [--name NAME] [--callback URL] [--unused]

Exit status 0: it did all that. AGENT is what it calls itself; with --before requests without a token are made under another name, as some hosted
clients do. With --unused it stops once it has its token. A browser's part is one request that follows no redirect.
Run by the interpreter that has the SDK, not by that of the tests.
"""

import argparse
import asyncio
import urllib.error
import urllib.parse
import urllib.request

import httpx2
from mcp import Client
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientMetadata

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"


class EnoughError(Exception):
    """The client has what this run was for."""


class Memory:
    tokens = client_info = None

    def __init__(self, unused):
        self.unused = unused

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens
        if self.unused:
            raise EnoughError

    async def get_client_info(self):
        return self.client_info

    async def set_client_info(self, client_info):
        self.client_info = client_info


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


class Browser:
    """Opens the authorization page; the answer's Location is what the client's callback would be asked for."""

    async def open(self, url):
        def get():
            request = urllib.request.Request(url, headers={"User-Agent": BROWSER})
            try:
                urllib.request.build_opener(NoRedirect).open(request, timeout=10)
            except urllib.error.HTTPError as answer:
                return answer.headers["Location"]

        query = urllib.parse.parse_qs(urllib.parse.urlsplit(await asyncio.to_thread(get)).query)
        self.code, self.state, self.issuer = query["code"][0], query["state"][0], query.get("iss", [None])[0]

    async def callback(self):
        return AuthorizationCodeResult(code=self.code, state=self.state, iss=self.issuer)


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("agent")
    parser.add_argument("--before")
    parser.add_argument("--name", default="Claude")
    parser.add_argument("--callback", default="https://claude.ai/api/mcp/auth_callback")
    parser.add_argument("--unused", action="store_true")
    args = parser.parse_args()
    browser = Browser()
    auth = OAuthClientProvider(
        args.url, OAuthClientMetadata(client_name=args.name, redirect_uris=[args.callback]), Memory(args.unused),
        redirect_handler=browser.open, callback_handler=browser.callback,
    )  # fmt: skip

    async def call_itself(request):
        request.headers["User-Agent"] = args.agent if "Authorization" in request.headers else args.before

    hooks = {"request": [call_itself]} if args.before else {}
    try:
        http = httpx2.AsyncClient(auth=auth, headers={"User-Agent": args.agent}, event_hooks=hooks, timeout=15)
        async with http, Client(streamable_http_client(args.url, http_client=http)) as client:
            await client.list_tools()
            answer = await client.call_tool("add", {"a": 20, "b": 22})
            assert "42" in str(answer.content), answer
    except BaseException as error:
        if args.unused and any(isinstance(one, EnoughError) for one in leaves(error)):
            return
        raise


def leaves(error):
    if isinstance(error, BaseExceptionGroup):
        for one in error.exceptions:
            yield from leaves(one)
    else:
        yield error


asyncio.run(main())
