"""A real MCP client, by the official Python SDK: connects to a server behind OAuth, calls a tool, closes.

    client.py URL AGENT [--unused]

Exit status 0: it did all that. With --unused it stops once it has its token. A browser's part is one request that follows no redirect.
Run by the interpreter that has the SDK, not by that of the tests.
"""

import asyncio
import sys
import urllib.error
import urllib.parse
import urllib.request

import httpx2
from mcp import Client
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientMetadata

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
CALLBACK = "https://claude.ai/api/mcp/auth_callback"


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
    url, agent, unused = sys.argv[1], sys.argv[2], "--unused" in sys.argv
    browser = Browser()
    auth = OAuthClientProvider(
        url, OAuthClientMetadata(client_name="Claude", redirect_uris=[CALLBACK]), Memory(unused),
        redirect_handler=browser.open, callback_handler=browser.callback,
    )  # fmt: skip
    try:
        http = httpx2.AsyncClient(auth=auth, headers={"User-Agent": agent}, timeout=15)
        async with http, Client(streamable_http_client(url, http_client=http)) as client:
            await client.list_tools()
            answer = await client.call_tool("add", {"a": 20, "b": 22})
            assert "42" in str(answer.content), answer
    except BaseException as error:
        if unused and any(isinstance(one, EnoughError) for one in leaves(error)):
            return
        raise


def leaves(error):
    if isinstance(error, BaseExceptionGroup):
        for one in error.exceptions:
            yield from leaves(one)
    else:
        yield error


asyncio.run(main())
