"""Takes secrets out of free text (samples, evidence, error messages). Knows nothing of log formats.

A value is found by what introduces it (a header name, a parameter name, a scheme) or by its own shape. Equal secrets become
equal digests, so that a reader can still follow one through the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from connwatch.parse.tokens import PREFIXED, token_like

__all__ = ["scrub"]

_GUARDED = (
    "code|state|nonce|token|access_token|refresh_token|id_token|subject_token|actor_token|registration_access_token|client_secret|secret|password|"
    "passwd|pwd|code_verifier|verifier|code_challenge|challenge|assertion|client_assertion|session|sessionid|session_id|session-id|mcp-session-id|"
    "sid|jsessionid|phpsessid|api_key|api-key|apikey|x-api-key|auth|ticket|otp|signature|sig|txn|txid|transaction|transaction_id|request_uri|jwt|"
    "device_code|user_code|csrf|csrf_token|xsrf"
)
#: Where a name or a value may begin: behind anything but a letter or digit, and behind an escaped character (`\x22`, `\u0026`, `%3D`).
_EDGE = r"(?:(?<![A-Za-z0-9])|(?<=\\x[0-9A-Fa-f]{2})|(?<=\\u[0-9A-Fa-f]{4})|(?<=%[0-9A-Fa-f]{2}))"
_QUOTE = r"(?:\\x2[27]|\\u002[27]|\\?[\"'`])"
_HEADER = re.compile(
    rf"{_EDGE}(?P<name>(?:proxy-)?authorization|set-cookie2?|cookie)(?P<gap>{_QUOTE}?\s*[:=]\s*)"
    rf"(?P<open>{_QUOTE})?(?P<scheme>(?:bearer|basic|dpop|digest)\s+)?(?P<value>(?(open)[^\"'\\]+|[^\s\"'\\,][^\r\n\"'\\]*))",
    re.IGNORECASE,
)
_SCHEME = re.compile(
    rf"{_EDGE}(?P<name>bearer|basic|dpop)(?P<gap>(?:\s|%20)+)(?!\w+={_QUOTE})(?P<value>[A-Za-z0-9._~+/=\-]{{4,}})",
    re.IGNORECASE,
)
_NAMED = re.compile(
    rf"{_EDGE}(?P<name>(?:[A-Za-z0-9]+[_-])??(?:{_GUARDED}))(?P<gap>{_QUOTE}?\s*(?:=|:|%3D)\s*{_QUOTE}?)"
    r"(?P<value>[^\s\"'`&;,<>(){}\[\]\\|#%](?:[^\s\"'`&;,<>(){}\[\]\\|#%]|%[0-9A-F]{2}(?<!%26)(?<!%23))*)",
    re.IGNORECASE,
)
_USERINFO = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]{1,15}://)[^\s/@\"'?#]{1,256}@")
#: What stands as a digest already is left alone.
_WORD = re.compile(r"(?<![A-Za-z0-9_\-+=])(?!(?<=#)[0-9a-f]{16}(?![A-Za-z0-9_\-~+=]))[A-Za-z0-9_\-~+=]{16,}")
#: A parameter, whose name is worth keeping where its value is not.
_PARAMETER = re.compile(r"(?P<name>[A-Za-z]{1,24}(?:[_-][A-Za-z]{1,24}){0,4})=(?P<value>.*[^=].*)")
_BASE64 = re.compile(r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{40,}={0,2}")
_PREFIXED = re.compile(_EDGE + PREFIXED.pattern)
#: Values of `code` and `state` that are no secrets: small numbers (JSON-RPC and HTTP codes), errno names, empty words.
_HARMLESS = re.compile(
    r"-?\d{1,5}|E[A-Z]{3,14}|null|none|true|false|undefined|missing|present|absent|invalid|expired|required|"
    r"unknown|failed|closed|opened?|created|not|is|was|for|S256|-",
    re.IGNORECASE,
)
_DIGEST = re.compile(r"#[0-9a-f]{16}")
_LONGEST = 8192


def scrub(text: str, digest: Callable[[str], str]) -> str:
    """`text` (of which 8192 characters are looked at) with each secret replaced by `digest(secret)`."""
    if len(text) > _LONGEST:
        # A secret cut in the middle may be too short to be known as one: drop the piece the cut went through.
        text = text[:_LONGEST].rpartition(" ")[0]

    def header(found: re.Match[str]) -> str:
        introduction = found["name"] + found["gap"] + (found["open"] or "") + (found["scheme"] or "")
        return introduction + _masked(found["value"], digest)

    def valued(found: re.Match[str]) -> str:
        return found["name"] + found["gap"] + _masked(found["value"], digest)

    def shaped(found: re.Match[str]) -> str:
        return digest(found.group()) if token_like(found.group()) else found.group()

    def worded(found: re.Match[str]) -> str:
        pair = _PARAMETER.fullmatch(found.group())
        if pair is None or token_like(pair["name"]):
            return shaped(found)
        # A client id is public (RFC 6749 section 2.2), however random it looks; one that is a token by its prefix is a digest by now.
        kept = pair["name"].lower() == "client_id" or not token_like(pair["value"])
        return found.group() if kept else f"{pair['name']}={digest(pair['value'])}"

    text = _USERINFO.sub(r"\g<scheme>", text)
    text = _HEADER.sub(header, text)
    text = _SCHEME.sub(valued, text)
    text = _PREFIXED.sub(lambda found: digest(found.group()), text)
    text = _NAMED.sub(valued, text)
    text = _BASE64.sub(shaped, text)
    return _WORD.sub(worded, text)


def _masked(value: str, digest: Callable[[str], str]) -> str:
    return value if _HARMLESS.fullmatch(value) or _DIGEST.fullmatch(value) else digest(value)
