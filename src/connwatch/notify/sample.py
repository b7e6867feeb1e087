"""A message as an alert would be, labelled as a test. Knows nothing of any real attempt."""

from __future__ import annotations

from connwatch.alerts.text import Text

__all__ = ["sample"]

_WHAT = (
    "Claude got a token, but POST /mcp was answered 401 afterwards, three times in four minutes: the server does not take the token that its own "
    "authorization server gave."
)
_DO = "Compare the audience that the server expects with the resource that the token was asked for."
_NOTE = "This is a test, sent by connwatch notify. Nothing is wrong."


def sample() -> Text:
    """The same every time, so that what arrives can be compared."""
    return Text(
        title="Test: Claude cannot connect to mcp.example.org",
        plain=f"{_WHAT}\n\nWhat to do: {_DO}\n\n{_NOTE}",
        markdown=f"{_WHAT}\n\n**What to do:** {_DO}\n\n*{_NOTE}*",
        html=f"<p>{_WHAT}</p>\n<p><strong>What to do:</strong> {_DO}</p>\n<p><em>{_NOTE}</em></p>",
        tone="failure",
        severity="high",
        clients=("claude",),
        servers=("mcp.example.org",),
    )
