"""The ten usual suspects, answered for one attempt: supported, ruled out, or not decidable from these logs, with the grounds.

Everybody who looks at a failed connector starts with the same ten guesses. An answer names what was seen; where nothing was, it names the check
that decides. Nothing is ruled out by silence.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from connwatch.diagnose.judge import view_of
from connwatch.diagnose.view import View
from connwatch.model.attempt import Attempt
from connwatch.rules.catalogue import Catalogue

__all__ = ["Answer", "Verdict", "answers"]

Verdict = Literal["supported", "ruled out", "not decidable"]
Found = tuple[Verdict, str]

_WEIGHTY: Final = 0.4  # a diagnosis below this is worth a look, not a claim


@dataclass(frozen=True, slots=True)
class Answer:
    """One hypothesis, its answer, the grounds, and the check that decides or confirms it."""

    number: int
    title: str
    answer: Verdict
    grounds: str
    check: str


def answers(attempt: Attempt, catalogue: Catalogue) -> list[Answer]:
    """All ten for an attempt that was judged, in their order. An attempt without steps decides nothing."""
    if not attempt.steps:
        return [Answer(number, title, "not decidable", "No request is known.", check) for number, (title, check, _) in enumerate(_TEN, 1)]
    view = view_of(attempt, catalogue)
    return [Answer(number, title, *decide(view), check) for number, (title, check, decide) in enumerate(_TEN, 1)]


def _blamed(view: View, *codes: str) -> str:
    """The summary of the likeliest diagnosis among `codes` that has some weight, or ""."""
    return next((found.summary for found in view.attempt.diagnoses if found.code in codes and found.confidence >= _WEIGHTY), "")


def _served(view: View) -> bool:
    return view.state.served + view.state.served_before > 0


def _feature(view: View) -> Found:
    if view.verdict.stuck == "authorization" and view.hosted:
        return "not decidable", "The client began, but its user was not sent to sign in; an organisation may have to enable the connector first."
    return "ruled out", f"The client made requests here ({view.state.requests} in all): the feature is there and was used."


def _path(view: View) -> Found:
    text = _blamed(view, "endpoint-not-found", "proxy-redirect", "guessed-endpoints")
    if text:
        return "supported", text
    if _served(view):
        return "ruled out", "MCP requests were served at the URL that the client uses."
    if view.state.challenges and view.state.ok("resource_metadata"):
        return "ruled out", "The URL answered with a challenge, and its metadata was found."
    return "not decidable", "No answer shows whether the URL is the MCP endpoint."


def _redirect(view: View) -> Found:
    if (
        view.verdict.kind == "refusal"
        and view.verdict.place in ("registration", "authorization")
        and _blamed(view, "registration-refused", "authorization-refused")
    ):
        return "supported", _blamed(view, "registration-refused", "authorization-refused")
    if view.state.granted is not None or (
        view.state.browser is not None and view.state.browser.status is not None and view.state.browser.status < 400
    ):
        return "ruled out", "The authorization endpoint took the request with its redirect URI."
    return "not decidable", "No authorization request was answered here."


def _origin(view: View) -> Found:
    text = _blamed(view, "origin-rejected", "preflight-refused", "host-rejected")
    if text:
        return "supported", text
    if _served(view) or view.state.challenges:
        return "ruled out", "MCP requests of this client were answered 401 or 2xx, and no preflight stands refused."
    return "not decidable", "No MCP request was answered by the application."


def _bearer(view: View) -> Found:
    text = _blamed(view, "challenge-ignored", "bearer-missing", "token-rejected", "scope-insufficient")
    if text:
        return "supported", text
    if view.state.granted is not None and _served(view):
        return "ruled out", "The client signed in with OAuth and was served with its token."
    if view.state.ok("resource_metadata") or view.state.ok("server_metadata"):
        return "ruled out", "The server announces OAuth and the client follows it."
    if _served(view):
        return "ruled out", "The client was served: it brings what the server wants."
    return "not decidable", "Nothing shows which kind of authentication either side expects."


def _version(view: View) -> Found:
    text = _blamed(view, "protocol-version-rejected")
    if text:
        return "supported", text
    if _served(view):
        return "ruled out", "MCP requests were answered 2xx: the two sides found a common version."
    return "not decidable", "No MCP request got as far as the negotiation of a version."


def _well_known(view: View) -> Found:
    text = _blamed(view, "metadata-missing", "guessed-endpoints")
    if text:
        return "supported", text
    if view.state.ok("resource_metadata") and view.state.ok("server_metadata"):
        return "ruled out", "Both documents were answered 200. Whether their content is right is another question, which a log does not answer."
    if _served(view):
        return "ruled out", "The client was served without needing what is missing."
    return "not decidable", "The documents were not all asked for here."


def _certificate(view: View) -> Found:
    if any("tls" in event.facts.get("cause", "") for event in view.state.explained):
        return "supported", "The proxy's error log speaks of TLS beside these lines."
    return "ruled out", "The requests arrived: this client completed the handshake, here or at the tunnel in front."


def _firewall(view: View) -> Found:
    text = _blamed(view, "rate-limited", "edge-blocked")
    if text:
        return "supported", text
    if view.verdict.kind == "good":
        return "ruled out", "All stages of this client got through."
    if view.verdict.kind == "silence":
        return "not decidable", "What a rule in front of this proxy refuses is not in this log; silence after good answers fits it."
    return "not decidable", "The refusal that stopped the attempt came from here; whether others were made in front is not in this log."


def _structure(view: View) -> Found:
    text = _blamed(view, "guessed-endpoints", "endpoint-not-found", "metadata-missing", "not-acceptable")
    if text:
        return "supported", text
    if _blamed(view, "metadata-unusable"):
        return "not decidable", "The documents name the endpoints, and the client stopped after reading them: what they say is not in a log."
    if _served(view) or view.state.granted is not None:
        return "ruled out", "The client found the endpoints that it needs and used them."
    return "not decidable", "The attempt did not get far enough to show which endpoints the client expects."


_TEN: Final[tuple[tuple[str, str, Callable[[View], Found]], ...]] = (
    (
        "The feature is not available to this user",
        "Ask whether the plan and the organisation allow custom connectors, and whether it is switched on in the conversation.",
        _feature,
    ),
    ("A wrong path was configured", "POST to the URL, with and without slash, and to /mcp and /sse: one of them answers 401 or 200.", _path),
    ("The redirect URI is not registered", "Register with the client's real redirect URIs and open the authorization URL in a browser.", _redirect),
    (
        "CORS or the validation of Origin refuses it",
        "Send the request without Origin, with https://claude.ai and with http://localhost:6274, and the preflight of each.",
        _origin,
    ),
    (
        "Bearer token against OAuth",
        "Look at the 401: WWW-Authenticate must name resource_metadata; a client with a fixed token must send it.",
        _bearer,
    ),
    (
        "The protocol versions do not match",
        "Send initialize with 2025-03-26, 2025-06-18 and 2025-11-25, and server/discover: none may end in an error that stops the client.",
        _version,
    ),
    (
        "The .well-known documents are missing",
        "Fetch protected resource and authorization server metadata, in the root form and with the path, without a token.",
        _well_known,
    ),
    ("The TLS certificate is not accepted", "Verify the chain, the name and the expiry from outside, with the complete chain sent.", _certificate),
    (
        "A rate limit or firewall refuses it",
        "Request the MCP URL with the client's agents one after the other, and look into the log of the hop in front.",
        _firewall,
    ),
    (
        "Another structure of endpoints is expected",
        "Compare resource, issuer and all endpoints in the documents with the URL that was entered.",
        _structure,
    ),
)
