"""Questions about an attempt that the vocabulary cannot put in words. One function each, in one table; no side effects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from connwatch.diagnose.places import GATEWAY, is_cut, is_sign_in
from connwatch.diagnose.verdict import EXPIRY
from connwatch.diagnose.view import View
from connwatch.model.event import Stage

__all__ = ["NAMED"]

_SOON: Final = 30.0  # a rejection this soon after a grant is about that grant


def _fresh_token(view: View) -> bool:
    """The refused request came soon after a token was given."""
    granted, event = view.state.granted, view.verdict.event
    return granted is not None and event is not None and event.started_at - granted.at < EXPIRY


def _old_token(view: View) -> bool:
    """The refused request came long after the last token and after good answers with it."""
    granted, event = view.state.last_granted, view.verdict.event
    if event is None or not (view.state.served or view.state.served_before):
        return False
    return granted is None or event.started_at - granted.at >= EXPIRY


def _nothing_answered(view: View) -> bool:
    """No request of the attempt got a good answer, not even a challenge."""
    return not view.state.challenges and not any(tally.ok for tally in view.state.tallies.values())


def _refresh(view: View) -> bool:
    """The refused grant is a refresh: nothing in the attempt led to a code, or the log says so."""
    event = view.verdict.event
    if event is not None and event.stage is Stage.REFRESH:
        return True
    return view.state.browser is None and not view.state.tried("authorization")


def _after_session(view: View) -> bool:
    """Requests were served before."""
    return bool(view.state.served or view.state.served_before)


def _missing_variant(view: View) -> bool:
    """The resource metadata was refused in one form and served in another."""
    return bool(view.state.ok("resource_metadata") and view.state.bad("resource_metadata"))


def _names_session(view: View) -> bool:
    """The refused request named a session, and no request of the attempt opened it: it is of an earlier connection."""
    event = view.verdict.event
    return event is not None and not view.state.served and any(kind == "session" for kind, _ in event.keys)


def _page_shown(view: View) -> bool:
    """The last the browser got is a page."""
    event = view.state.browser
    return event is not None and event.status is not None and 200 <= event.status < 300 and event.method != "POST"


def _left_by_redirect(view: View) -> bool:
    """The authorization request itself was redirected, and the browser did not come back."""
    event = view.state.browser
    return event is not None and event.stage is Stage.AUTHORIZATION and event.status is not None and 300 <= event.status < 400


def _sign_in(view: View) -> bool:
    """The decisive request sent a sign-in form."""
    return view.verdict.event is not None and is_sign_in(view.verdict.event)


def _kept_method(view: View) -> bool:
    """The decision was answered by a redirect that keeps the method: the client's callback gets a POST."""
    event = view.state.browser
    return event is not None and event.method == "POST" and event.status in (307, 308)


def _gateway(view: View) -> bool:
    """The decisive answer is a gateway's."""
    event = view.verdict.event
    return event is not None and event.status in GATEWAY


def _second_request(view: View) -> bool:
    """The refused request follows the first served one at once: the client's very next step."""
    event, served = view.verdict.event, view.state.last_served_event
    return event is not None and served is not None and event.started_at - served.at < 5.0


def _same_small_answers(view: View) -> bool:
    """Refused before and after the token with answers of one size: the server seems not to have seen a token at all."""
    event, tally = view.verdict.event, view.state.tallies.get("mcp")
    first = tally.first if tally is not None else None
    if event is None or first is None or first is event:
        return False
    return first.status == 401 and first.size is not None and first.size == event.size


def _cut_stream(view: View) -> bool:
    """A request answered 200 that an error log calls broken, or a stream that lasted as long as a proxy's default time-out."""
    if any(event.status == 200 and event.facts.get("cause") in ("upstream-timeout", "upstream-closed") for event in view.state.explained):
        return True
    return is_cut(view.state.stream)


def _regranted_soon(view: View) -> bool:
    """More tokens within seconds and no sign-in between: the client refreshes because something refuses it where this log cannot see."""
    first, last = view.state.granted, view.state.last_granted
    return view.state.regranted >= 1 and first is not None and last is not None and last.at - first.at < _SOON


NAMED: Final[dict[str, Callable[[View], bool]]] = {
    "after-session": _after_session,
    "cut-stream": _cut_stream,
    "fresh-token": _fresh_token,
    "gateway": _gateway,
    "kept-method": _kept_method,
    "left-by-redirect": _left_by_redirect,
    "missing-variant": _missing_variant,
    "names-session": _names_session,
    "nothing-answered": _nothing_answered,
    "old-token": _old_token,
    "page-shown": _page_shown,
    "refresh": _refresh,
    "regranted-soon": _regranted_soon,
    "same-small-answers": _same_small_answers,
    "second-request": _second_request,
    "sign-in": _sign_in,
}
