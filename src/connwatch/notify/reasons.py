"""Why a message did not arrive, in a closed set of sentences: what a service or a library says may hold the URL that is a secret, so no word
of it is passed on. Standard library only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Final

__all__ = ["INSTALL", "NO_APPRISE", "UNKNOWN", "reason"]

UNKNOWN: Final = "could not be sent, and the service did not say why"
#: The extra that sends messages was left out when connwatch was installed.
INSTALL: Final = "install connwatch with its extra: connwatch[alerts]"
NO_APPRISE: Final = f"the package apprise is not installed; {INSTALL}"

_STATUS = re.compile(r"\berror=([1-5]\d\d)\b")
_MAIL = re.compile(r"\((?:code )?([45]\d\d), b['\"]")
_HINTS: Final = {401: "; check the password or token in its URL", 403: "; check the password or token in its URL", 404: "; check its URL"}
_MAIL_HINTS: Final = {530: "; it wants a user and a password", 535: "; check user and password in its URL", 550: "; check the addresses in its URL"}

#: How Apprise begins what the service itself wrote: that must not choose the sentence.
_ANSWER: Final = "Response Details"

_SIGNS: Final = (
    (re.compile(r"\bMemoryError\b"), "answered with more than can be taken"),
    (re.compile(r"Connection refused", re.IGNORECASE), "refused the connection"),
    (re.compile(r"CERTIFICATE_VERIFY_FAILED|certificate verify failed", re.IGNORECASE), "showed a certificate that is not trusted"),
    (re.compile(r"Name or service not known|name resolution|getaddrinfo|NameResolutionError", re.IGNORECASE), "has a host name that is not known"),
    (re.compile(r"Network is unreachable|No route to host", re.IGNORECASE), "cannot be reached over the network"),
    (re.compile(r"timed out|timeout", re.IGNORECASE), "did not answer in time"),
    (re.compile(r"\bSSL\b|\bTLS\b|WRONG_VERSION_NUMBER", re.IGNORECASE), "could not agree on encryption"),
    (re.compile(r"Connection reset|Connection aborted|RemoteDisconnected|unexpectedly closed|Broken pipe", re.IGNORECASE), "closed the connection"),
)


def reason(said: Iterable[str]) -> str:
    """The sentence for what was said while it failed; it goes on after the name of the target. The first sign of the surest kind counts."""
    lines = [line for line in said if not line.startswith(_ANSWER)]
    for line in lines:
        if found := _STATUS.search(line):
            return _answered(int(found[1]))
    for line in lines:
        if found := _MAIL.search(line):
            return f"answered {found[1]}{_MAIL_HINTS.get(int(found[1]), '')}"
    return next((sentence for sign, sentence in _SIGNS for line in lines if sign.search(line)), UNKNOWN)


def _answered(status: int) -> str:
    try:
        phrase = f" {HTTPStatus(status).phrase}"
    except ValueError:
        phrase = ""
    return f"answered {status}{phrase}{_HINTS.get(status, '')}"
