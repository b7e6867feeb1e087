"""One message in place of several that a target has no room for: their titles. Pure; must not know when one is made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from connwatch.alerts.text import Text, Tone
from connwatch.notify.markup import escaped

__all__ = ["LISTED", "digest"]

LISTED: Final = 20
_WORST_FIRST: Final[tuple[Tone, ...]] = ("failure", "warning", "info", "success")
_HINT: Final = "There were more messages than this target takes at a time. `connwatch attempts` and the page have all of it."


def digest(texts: Sequence[Text]) -> Text:
    """The titles of `texts`, at most 20 of them, in one message that looks like the worst of them."""
    titles = [" ".join(text.title.split()) for text in texts[:LISTED]]
    more = len(texts) - len(titles)
    rest = f"and {more} more" if more else ""
    plain = "\n".join([*(f"- {title}" for title in titles), *([rest] if rest else []), "", _HINT.replace("`", "")])
    rows = "".join(f"<li>{escaped(title, 'html')}</li>" for title in titles)
    return Text(
        title=f"{len(texts)} messages in one: {titles[0]}",
        plain=plain,
        markdown="\n".join([*_marked(titles, rest), "", _HINT]),
        html=f"<ul>{rows}</ul>{f'<p>{rest}</p>' if rest else ''}<p>{_HINT.replace('`', '')}</p>",
        tone=min((text.tone for text in texts), key=_WORST_FIRST.index),
        severity="high" if any(text.severity == "high" for text in texts) else "low",
        clients=tuple(sorted({client for text in texts for client in text.clients})),
        servers=tuple(sorted({server for text in texts for server in text.servers})),
    )


def _marked(titles: Sequence[str], rest: str) -> list[str]:
    lines = [f"- {escaped(title, 'markdown')}" for title in titles]
    return [*lines, "", rest] if rest else lines
