"""The edge at which secrets become digests. Knows nothing of log formats; nothing above this floor ever sees a secret.

A digest is keyed (BLAKE2b, 8 bytes), so that it cannot be looked up in a table of known tokens, and equal secrets give equal
digests under one key, so that they still tie events together. The key belongs to the installation.
"""

from __future__ import annotations

import base64
import hashlib
import re
from urllib.parse import unquote_plus, urlsplit

from connwatch.parse.printable import printable
from connwatch.parse.scrub import scrub
from connwatch.parse.tokens import PREFIXED, token_like

__all__ = ["Redactor", "challenge_of", "printable"]

#: Parameters whose values are words of the protocol, not secrets (RFC 6749, 7636, 8707, OpenID Connect Core).
_WORDS = frozenset(
    [
        "response_type",
        "response_mode",
        "code_challenge_method",
        "scope",
        "grant_type",
        "action",
        "prompt",
        "error",
        "display",
        "ui_locales",
        "token_type",
        "token_type_hint",
        "approved",
        "approval_prompt",
        "access_type",
        "decision",
        "consent",
        "approve",
        "deny",
        "allow",
        "protocol",
        "version",
        "transport",
        "transporttype",
        "lang",
        "locale",
        "iss",
    ]
)
_ADDRESSES = frozenset(("redirect_uri", "resource", "client_id", "iss", "post_logout_redirect_uri"))
_OPEN = _WORDS | _ADDRESSES
_TEXTS = frozenset(("error_description", "error_uri", "client_name"))
_NAME = re.compile(r"[A-Za-z0-9_.\-\[\]:]{1,40}")
_MATRIX = re.compile(r";[^/]*")
_MOST_PARAMS = 48
_MEMO_SIZE = 2048
_LONGEST_KNOWN = 256
_LONGEST_VALUE = 512
_LONGEST_SAMPLE = 300
_SAMPLES = 4  # while a format is being recognised a dozen of them refuse the same line one after the other
_LONGEST_PATH = 512
_MOST_SEGMENTS = 32


def challenge_of(verifier: str) -> str:
    """The S256 code challenge of a PKCE verifier (RFC 7636 section 4.6), so that both ends of an exchange share a key."""
    hashed = hashlib.sha256(verifier.encode("utf-8", "replace")).digest()
    return base64.urlsafe_b64encode(hashed).rstrip(b"=").decode("ascii")


class Redactor:
    """Turns values into what may be kept. `key` is the installation's secret (1 to 64 bytes; longer ones are hashed first)."""

    def __init__(self, key: bytes) -> None:
        self._open: dict[str, tuple[str, str]] = {}
        self._samples: dict[str, str] = {}
        self._keyed = hashlib.blake2b(key=key if len(key) <= 64 else hashlib.blake2b(key).digest(), digest_size=8)

    def digest(self, value: str) -> str:
        """`#` and sixteen hexadecimal digits; equal values give equal digests."""
        keyed = self._keyed.copy()
        keyed.update(value.encode("utf-8", "surrogatepass"))
        return "#" + keyed.hexdigest()

    def params(self, query: str) -> dict[str, str]:
        """A query string as parameters that are safe to keep. Of a repeated name the first value counts.

        Words of the protocol stay readable, `redirect_uri`, `resource` and `client_id` stay without what could hide in a URL,
        every other value is a digest of the decoded value. An empty value stays empty. Never raises.
        """
        kept: dict[str, str] = {}
        if not query:
            return kept
        for pair in query.split("&", _MOST_PARAMS)[:_MOST_PARAMS]:
            name, value = self._open.get(pair) or self._pair(pair)
            if name:
                kept.setdefault(name, value)
        return kept

    def _pair(self, pair: str) -> tuple[str, str]:
        """Name and value of `name=value` as they may be kept. Those that hide nothing are remembered (bounded)."""
        name, _, value = pair.partition("=")
        if "%" in name or "+" in name:
            name = unquote_plus(name, errors="replace")
        if not name:
            return "", ""
        if "%" in value or "+" in value:
            value = unquote_plus(value, errors="replace")
        if _NAME.fullmatch(name) is None or token_like(name):
            name = self.digest(name)
        safe = name, self.value(name, value)
        if name in _OPEN and not safe[1].startswith("#") and len(pair) <= _LONGEST_KNOWN:
            if len(self._open) >= _MEMO_SIZE:
                self._open.clear()
            self._open[pair] = safe
        return safe

    def value(self, name: str, value: str) -> str:
        """The decoded `value` of the parameter `name` as it may be kept."""
        if not value:
            return ""
        lowered = name.lower()
        if lowered == "client_id" and "://" not in value:
            # A client id is public (RFC 6749 section 2.2), however random it looks.
            return self.digest(value) if PREFIXED.match(value) is not None or len(value) > _LONGEST_VALUE else printable(value)
        if lowered in _ADDRESSES:
            return self.address(value)
        if lowered in _WORDS:
            short = value[:_LONGEST_VALUE]
            return self.digest(value) if any(map(token_like, short.split())) else printable(short)
        if lowered in _TEXTS:
            return self.text(value)[:_LONGEST_VALUE]
        return self.digest(value)

    def address(self, url: str) -> str:
        """A URL without user information, query and fragment, token-like path segments digested; what is no URL is treated as a path."""
        if len(url) > _LONGEST_VALUE:
            return self.digest(url)
        if "://" not in url:
            return self.path(url.partition("?")[0].partition("#")[0])
        try:
            parts = urlsplit(url)
            host = parts.netloc.rpartition("@")[2]
        except ValueError:
            return self.digest(url)
        return printable(f"{parts.scheme}://{host}") + self.path(parts.path)

    def path(self, path: str) -> str:
        """A path whose token-like segments are digests; ordinary slugs stay. Cut to 512 characters and 32 segments."""
        if len(path) < 16:
            return self._segment(path) if ";" in path else printable(path)
        segments = path.split("/", _MOST_SEGMENTS)
        cut = "/".join([segment if len(segment) < 8 and ";" not in segment else self._segment(segment) for segment in segments[:_MOST_SEGMENTS]])
        return printable(cut[:_LONGEST_PATH])

    def text(self, text: str) -> str:
        """Free text, safe to keep and to show: secrets digested, what does not print made visible."""
        return printable(scrub(text, self.digest))

    def sample(self, text: str) -> str:
        """A line that no format takes, as it is kept: redacted, and cut to 300 characters."""
        known = self._samples.get(text)
        if known is None:
            if len(self._samples) >= _SAMPLES:
                self._samples.clear()
            known = self._samples[text] = self.text(text)[:_LONGEST_SAMPLE]
        return known

    def _segment(self, segment: str) -> str:
        bare = _MATRIX.sub("", segment) if ";" in segment else segment
        plain = unquote_plus(bare, errors="replace") if "%" in bare else bare
        if len(plain) > _LONGEST_PATH or token_like(plain):
            return self.digest(plain)
        return printable(bare)
