"""A daemon's stream as `tail` reads it: what is said when the daemon is away, full, or wants another token; and when going on cannot help."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator, Sequence

import pytest

from connwatch.cli import remote
from connwatch.cli.remote import Daemon
from connwatch.model.errors import SourceError

FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nretry-after: 30\r\n\r\n"
    b'{"error":"32 streams are open already, which is the most"}'
)
NO_TOKEN = b"HTTP/1.1 401 Unauthorized\r\ncontent-type: text/plain\r\n\r\nA token is needed.\n"
STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\nretry: 2000\n: life ab\n\n"
EVENT = b'id: ab-7\nevent: opened\ndata: {"change":"opened"}\n\n'


class Script:
    """A server that gives one answer after the other, and remembers what was asked."""

    def __init__(self, answers: Sequence[bytes]) -> None:
        self.asked: list[str] = []
        self._plug = socket.create_server(("127.0.0.1", 0))
        self._plug.settimeout(10)
        self.port: int = self._plug.getsockname()[1]
        self._thread = threading.Thread(target=self._play, args=[answers])
        self._thread.start()

    def _play(self, answers: Sequence[bytes]) -> None:
        for answer in answers:
            link, _ = self._plug.accept()
            with link:
                self.asked.append(link.recv(65536).decode())
                for at in range(0, len(answer), 11):  # in pieces, as a network has it
                    link.sendall(answer[at : at + 11])

    def end(self) -> None:
        self._thread.join(10)
        self._plug.close()


@contextlib.contextmanager
def playing(*answers: bytes) -> Iterator[Script]:
    script = Script(answers)
    try:
        yield script
    finally:
        script.end()


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """No pause is slept through; they are noted."""
    slept: list[float] = []
    monkeypatch.setattr(remote.time, "sleep", slept.append)
    return slept


def told(script: Script, rows: int) -> tuple[list[object], list[str]]:
    """The first rows of the stream, and what was said until then."""
    said: list[str] = []
    found: list[object] = []
    for row in Daemon("127.0.0.1", script.port, "a-token").changes("ab-5", say=lambda text: said.append(text.replace(f":{script.port}", ""))):
        if row is not None:
            found.append(row)
        if len(found) == rows:
            break
    return found, said


def test_a_stream_is_resumed_where_it_broke() -> None:
    with playing(STREAM + EVENT, STREAM + EVENT) as script:
        found, said = told(script, 2)
    assert found == [{"change": "opened"}] * 2
    assert said == ["the daemon at 127.0.0.1 went away; trying again", "the daemon at 127.0.0.1 is back"]
    assert ["Last-Event-ID: ab-5" in script.asked[0], "Last-Event-ID: ab-7" in script.asked[1]] == [True, True]


def test_a_daemon_that_has_no_room_is_quoted_once_and_asked_again_as_late_as_it_says(hurried: list[float]) -> None:
    with playing(FULL, FULL, STREAM + EVENT) as script:
        found, said = told(script, 1)
    assert len(found) == 1
    assert said == [
        "the daemon at 127.0.0.1 answers: 32 streams are open already, which is the most; trying again",
        "the daemon at 127.0.0.1 is back",
    ]
    assert sum(hurried) == pytest.approx(60)
    assert max(hurried) <= 2, "the terminal is drawn meanwhile"


def test_each_reason_is_said_once_as_long_as_it_holds() -> None:
    with playing(b"", FULL, b"HTTP/1.1 502 Bad Gateway\r\n\r\n<html>\x1b[31mnginx", STREAM + EVENT) as script:
        _, said = told(script, 1)
    assert said[:-1] == [
        "the daemon at 127.0.0.1 went away; trying again",
        "the daemon at 127.0.0.1 answers: 32 streams are open already, which is the most; trying again",
        "the daemon at 127.0.0.1 answers: 502 Bad Gateway; trying again",
    ]


def test_another_token_ends_the_stream_with_the_sentence_of_the_other_commands() -> None:
    with playing(STREAM + EVENT, NO_TOKEN) as script, pytest.raises(SourceError, match=r"asks for its token: name it .*http\.token_file") as ended:
        told(script, 2)
    with playing(NO_TOKEN) as script, pytest.raises(SourceError) as asked:
        Daemon("127.0.0.1", script.port).get("/api/attempts")
    assert str(ended.value).partition(" asks ")[2] == str(asked.value).partition(" asks ")[2]


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (b'HTTP/1.1 400 Bad Request\r\n\r\n{"error":"since is a time"}', "answers: since is a time"),
        (b"HTTP/1.1 421 Misdirected Request\r\n\r\nThis address answers to its own name only.\n", "answers: 421 Misdirected Request"),
        (b"HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n", "answers: 302 Found"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "is no connwatch daemon"),
    ],
)
def test_what_cannot_get_better_ends_the_stream(answer: bytes, sentence: str) -> None:
    with playing(answer) as script, pytest.raises(SourceError, match=sentence):
        told(script, 1)


def test_what_is_lost_is_said_for_both_reasons() -> None:
    with playing(STREAM + b"event: lost\ndata: 40\n\n" + EVENT) as script:
        found, said = told(script, 1)
    assert found == [{"change": "opened"}]
    assert said == ["40 changes are left out: they came faster than they could be shown, or are too old to be kept"]
