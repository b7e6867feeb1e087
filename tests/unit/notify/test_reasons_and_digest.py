"""Why a message did not arrive, in sentences of ours alone; and several messages as one."""

from __future__ import annotations

import pytest

from connwatch.notify.digest import digest
from connwatch.notify.markup import escaped
from connwatch.notify.reasons import UNKNOWN, reason
from support.parcels import message


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("Failed to send JSON POST notification: Internal Server Error., error=500.", "answered 500 Internal Server Error"),
        ("Failed: Unauthorized - Invalid Token., error=401.", "answered 401 Unauthorized; check the password or token in its URL"),
        ("Failed to send: error=599.", "answered 599"),
        ("Socket Exception: (535, b'5.7.8 Error: authentication failed for me:hunter2')", "answered 535; check user and password in its URL"),
        ("Socket Exception: [Errno 111] Connection refused", "refused the connection"),
        ("HTTPSConnectionPool(host='h', port=443): Read timed out. (read timeout=10.0)", "did not answer in time"),
        ("NameResolutionError(\"Failed to resolve 'nowhere.invalid'\")", "has a host name that is not known"),
        ("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed", "showed a certificate that is not trusted"),
        ("('Connection aborted.', RemoteDisconnected('Remote end closed connection'))", "closed the connection"),
        ("the token hunter2 is bad", UNKNOWN),
    ],
)
def test_a_sign_becomes_a_sentence_and_no_word_of_it_is_passed_on(said: str, sentence: str) -> None:
    assert reason(["Sending to h", said, "Response Details:\r\nb'timeout'"]) == sentence
    assert "hunter2" not in sentence


def test_a_digest_looks_like_the_worst_of_them_and_holds_no_markup_of_theirs() -> None:
    made = digest(
        [
            message("well", tone="success", severity="low", clients=("cursor",)),
            message("<b>*bad*</b>\n_x_", clients=("claude",), servers=("mcp.example.org",)),
        ]
    )
    assert (made.title, made.tone, made.severity) == ("2 messages in one: well", "failure", "high")
    assert (made.clients, made.servers) == (("claude", "cursor"), ("mcp.example.org",))
    assert "- <b>*bad*</b> _x_" in made.plain
    assert r"- \<b\>\*bad\*\<\/b\> \_x\_" in made.markdown
    assert "<li>&lt;b&gt;*bad*&lt;/b&gt; _x_</li>" in made.html
    assert "more" not in made.plain.splitlines()[2]


def test_a_title_in_front_of_a_body_is_text_there() -> None:
    assert escaped("<a> & *b*", "html") == "&lt;a&gt; &amp; *b*"
    assert escaped("[a](https://b) _c_", "markdown") == r"\[a\]\(https\:\/\/b\) \_c\_"
    assert escaped("<a> & *b*", "text") == "<a> & *b*"
