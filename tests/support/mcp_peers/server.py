"""A real MCP server with OAuth, by the official Python SDK: every client is registered and every user agrees at once.

    server.py PORT PUBLIC_URL [--stamps] [--audience URL] [--web-redirects]

A token is good for what it was asked for and nothing else. With --audience the authorization server writes another resource into every token; with
--web-redirects it registers only clients whose redirect URIs are https. Its own log is uvicorn's; with --stamps each line has its time (UTC).
Run by the interpreter that has the SDK, not by that of the tests.
"""

import argparse
import copy
import secrets
import time

import uvicorn
from mcp.server.auth.provider import AccessToken, AuthorizationCode, RefreshToken, RegistrationError, construct_redirect_uri
from mcp.server.auth.settings import AuthSettings, ClientRegistrationOptions
from mcp.server.mcpserver import MCPServer
from mcp.server.transport_security import TransportSecuritySettings
from mcp.shared.auth import OAuthToken


class Memory:
    """Keeps clients, codes and tokens until the process ends: a restart forgets them, as it does in real life."""

    def __init__(self, audience, web_redirects):
        self.clients, self.codes, self.tokens = {}, {}, {}
        self.audience, self.web_redirects = audience, web_redirects

    async def get_client(self, client_id):
        return self.clients.get(client_id)

    async def register_client(self, client_info):
        if self.web_redirects and any(not str(uri).startswith("https://") for uri in client_info.redirect_uris):
            raise RegistrationError("invalid_redirect_uri", "redirect URIs must be https")
        self.clients[client_info.client_id] = client_info

    async def authorize(self, client, params):
        code = secrets.token_urlsafe(24)
        self.codes[code] = AuthorizationCode(
            code=code, scopes=params.scopes or [], expires_at=time.time() + 60, client_id=client.client_id, code_challenge=params.code_challenge,
            redirect_uri=params.redirect_uri, redirect_uri_provided_explicitly=params.redirect_uri_provided_explicitly, resource=params.resource,
        )  # fmt: skip
        return construct_redirect_uri(str(params.redirect_uri), code=code, state=params.state)

    async def load_authorization_code(self, client, authorization_code):
        return self.codes.get(authorization_code)

    async def exchange_authorization_code(self, client, authorization_code):
        del self.codes[authorization_code.code]
        token = secrets.token_urlsafe(24)
        scopes, resource = authorization_code.scopes, self.audience or authorization_code.resource
        self.tokens[token] = AccessToken(token=token, client_id=client.client_id, scopes=scopes, resource=resource)
        return OAuthToken(access_token=token, token_type="Bearer", expires_in=3600)

    async def load_refresh_token(self, client, refresh_token) -> RefreshToken | None:
        return None

    async def load_access_token(self, token):
        return self.tokens.get(token)

    async def revoke_token(self, token):
        self.tokens.pop(token.token, None)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("public")
    parser.add_argument("--stamps", action="store_true")
    parser.add_argument("--audience")
    parser.add_argument("--web-redirects", action="store_true")
    args = parser.parse_args()
    auth = AuthSettings(
        issuer_url=args.public, resource_server_url=f"{args.public}/mcp", validate_token_resource=True,
        client_registration_options=ClientRegistrationOptions(enabled=True),
    )  # fmt: skip
    server = MCPServer("connwatch-test", auth_server_provider=Memory(args.audience, args.web_redirects), auth=auth)

    @server.tool()
    def add(a: int, b: int) -> int:
        """Adds."""
        return a + b

    app = server.streamable_http_app(transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False))
    log = copy.deepcopy(uvicorn.config.LOGGING_CONFIG)
    if args.stamps:
        for one in log["formatters"].values():
            one["fmt"], one["datefmt"] = f"%(asctime)s.%(msecs)03dZ {one['fmt']}", "%Y-%m-%dT%H:%M:%S"
    uvicorn.run(app, host="127.0.0.1", port=args.port, log_level="info", log_config=log, timeout_graceful_shutdown=1)


main()
