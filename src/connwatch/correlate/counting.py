"""What became of attempts that nothing tells apart: settled by counting, without saying whose line is whose.

Nothing is merged here. A piece of an attempt is told which piece may continue it (`guess`), and what counting says of its token: so many
tokens were issued, and so many clients went on to say that they are ready. Pure and deterministic.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import takewhile
from typing import NamedTuple

from connwatch.correlate.fragment import Fragment
from connwatch.correlate.kinds import leg_of
from connwatch.correlate.links import Web, uncross
from connwatch.correlate.matching import best_matching, posteriors
from connwatch.correlate.score import Scorer

__all__ = ["settle_by_counting"]

_COUNTED = 0.6  # probability that something continues a fragment, whichever it is
_USUAL = 0.7  # share of the tokens, whose holders say that they are ready, from which it is what clients of a group do
_OWN_SESSION = frozenset({"close", "stream+"})  # who ends a session, or listens to it, had one


@dataclass(slots=True)
class _Use:
    """Requests after the token of a fragment, how many of them were answered 202, and how many sessions that or their ends make.

    `contested`: some of them may be another attempt's; `settled`: its own lines say what became of the token.
    """

    fragment: Fragment
    requests: int
    ready: int
    sessions: int
    contested: bool
    settled: bool


class _Spare(NamedTuple):
    """What a piece has more of than its own token explains."""

    ready: int
    sessions: int


def settle_by_counting(fragments: list[Fragment], scorer: Scorer, begun: Collection[int] = frozenset()) -> None:
    """Where several could be continued by several, say that they are, without saying which by which.

    As many tokens as authorizations mean that every authorization got one; one fewer means that one of them did not. The best matching
    counts just so. Its links are not believed (nothing is merged); they only tell what became of the group. Of those in `begun` (by `id`)
    what was counted before stays, and whoever was left over is counted now.
    """
    for fragment in fragments:
        later = fragment.guess
        if later is not None and (id(later) not in begun or later.part_of is not None):
            fragment.guess = later.guessed_by = None
    web = Web(fragments, scorer, {id(fragment) for fragment in fragments if id(fragment) in begun and fragment.guessed_by is not None})
    edges = web.edges({id(fragment) for fragment in fragments if fragment.guess is not None})
    matching = uncross(best_matching(edges), edges, fragments)
    somebody: dict[int, float] = {}
    for (left, _), p in posteriors(edges).items():
        somebody[left] = somebody.get(left, 0.0) + p
    for left, right in matching.items():
        if somebody.get(left, 0.0) >= _COUNTED:
            fragments[left].guess = fragments[right]
            fragments[right].guessed_by = fragments[left]
    _count_uses(fragments, {id(fragments[right]) for row in edges.values() for right in row})


def _count_uses(fragments: Collection[Fragment], continuing: Collection[int]) -> None:
    """Which tokens were not used, where clients that are alike say that they are ready after the first use (202 for a notification).

    A second such answer in a piece with doubtful lines is somebody else's, and so is one in a piece that could continue somebody (those
    in `continuing`, by `id`) and that nobody leads to. So of the pieces that lack theirs only those are without a use of their token that
    none of these makes up for; the fewest requests after the token come first. Sessions that are surely another's make up for nothing.
    Where it is not usual to say so, only a token without any request after it lacks a use, and a second session makes up for one.
    """
    alike: dict[tuple[frozenset[str], frozenset[str]], list[_Use]] = {}
    spare: dict[tuple[frozenset[str], frozenset[str]], list[_Spare]] = {}
    for fragment in fragments:
        fragment.counted = ""
        group = fragment.hosts, fragment.families
        use = _use_of(fragment)
        if use is not None:
            alike.setdefault(group, []).append(use)
            if use.contested:
                spare.setdefault(group, []).append(_Spare(max(use.ready - 1, 0), max(use.sessions - 1, 0)))
        elif fragment.guessed_by is None and id(fragment) in continuing:
            spare.setdefault(group, []).append(_Spare(*_sessions(member.kind for member in fragment.members)))
    for group, uses in alike.items():
        more = spare.get(group, [])
        said = sum(min(use.ready, 1) for use in uses) + sum(one.ready for one in more)
        usual = said >= _USUAL * len(uses)
        lacking = [use for use in uses if not (use.ready if usual else use.requests) and not use.settled]
        lacking.sort(key=lambda use: (use.requests, use.fragment.place))
        unused = len(lacking) - sum(one.ready if usual else one.sessions for one in more)
        for place, use in enumerate(lacking):
            if place >= unused:
                use.fragment.counted = "used"
            elif usual:
                use.fragment.counted = "unused"


def _sessions(kinds: Iterable[str]) -> tuple[int, int]:
    """How many clients said that they are ready, and how many sessions there were at least."""
    count = Counter(kinds)
    return count["accepted"], max(count["accepted"], count["close"])


def _use_of(fragment: Fragment) -> _Use | None:
    """What follows the last token of a fragment, as far as counting goes; None where it has none."""
    members = fragment.members
    last = next((at for at in range(len(members) - 1, -1, -1) if members[at].kind == "token+"), None)
    if last is None:
        return None
    later = takewhile(lambda piece: all(member.kind != "token+" for member in piece.members), fragment.later())  # from there on another token serves
    after = [*members[last + 1 :], *(member for piece in later for member in piece.members)]
    rest = [member for member in after if leg_of(member.kind) == "mcp"]
    own = any(member.kind in _OWN_SESSION for member in rest)
    contested = fragment.guess is not None or members[last].link == "ambiguous" or any(member.link == "ambiguous" for member in rest)
    return _Use(fragment, len(rest), *_sessions(member.kind for member in rest), contested, own or (bool(rest) and not contested))
