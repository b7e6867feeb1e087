"""Which step a request on the MCP endpoint is: challenge, initialize, stream, close. Knows nothing of paths."""

from __future__ import annotations

from connwatch.model.event import Stage
from connwatch.model.record import Request
from connwatch.rules.catalogue import Catalogue

__all__ = ["McpSteps"]


class McpSteps:
    """Steps by JSON-RPC method where the log prints it, by HTTP method and status where not."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._stages = {name.lower(): Stage(rule.stage) for rule in catalogue.methods.values() for name in rule.methods}

    def stage(self, request: Request, legacy_message: bool) -> Stage:
        """The step. `legacy_message`: a POST of the old HTTP+SSE transport, where every answer is 202."""
        status = request.status
        if status == 401 and request.authorization is not True:
            return Stage.CHALLENGE
        if status == 403 and "insufficient_scope" in request.facts.get("www_authenticate", ""):
            return Stage.STEP_UP
        method = request.method
        if method == "POST":
            logged = request.facts.get("mcp_method")
            if logged:
                return self._stages.get(logged.lower(), Stage.SESSION)
            return Stage.INITIALIZED if status == 202 and not legacy_message else Stage.SESSION
        if method == "DELETE":
            return Stage.CLOSE
        if method == "HEAD":
            return Stage.PROBE
        # A GET that the proxy answered by itself (redirect, no upstream) never became a stream.
        return Stage.SESSION if status is not None and (300 <= status < 400 or status >= 500) else Stage.STREAM
