"""An engine behind ssh that cannot be reached: what is said, and how often it is tried."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from connwatch.sources.containers import Choice
from connwatch.sources.docker import DockerSource
from support.listening import Heard, listening
from support.live import until
from support.programs import Programs

REFUSED = "ops@{host}: Permission denied (publickey)."
UNKNOWN = "No ED25519 host key is known for {host} and you have requested strict checking.\\nHost key verification failed."
NOT_THERE = "sh: 1: docker: not found"


@pytest.fixture
def ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return Programs(tmp_path)


def after_some_tries(host: str, ssh: Programs | None, logins: int) -> str:
    """The note, after the source has failed four times."""
    source = DockerSource("s", Choice("app"), host=host)

    async def story() -> None:
        async with listening(source, Heard()):
            await until(lambda: source.status.reopened["failed"] >= 4)

    asyncio.run(story())
    assert ssh is None or ssh.logins in (logins, logins + 1)  # the fifth may have begun
    return source.status.note


@pytest.mark.parametrize("reads", ["", "read request"], ids=["before the request", "after it"])
@pytest.mark.parametrize(("said", "told"), [(REFUSED, "refuses the login"), (UNKNOWN, "is not known here: run `ssh ops@")])
def test_a_refusal_is_told_in_words_to_act_on_and_not_repeated_for_five_minutes(ssh: Programs, said: str, told: str, reads: str) -> None:
    host = f"box-{len(said)}-{len(reads)}"
    ssh.ssh_fails(said.format(host=host), 255, before=reads)
    note = after_some_tries(f"ssh://ops@{host}", ssh, 1)
    assert note.startswith(f"the container engine at ssh://ops@{host} cannot be used: ")
    assert told in note
    assert note.endswith("(no further try for 5 minutes)")
    assert ssh.logins == 1


def test_docker_that_is_missing_over_there_is_told_and_tried_again(ssh: Programs) -> None:
    ssh.ssh_fails(NOT_THERE, 127)
    note = after_some_tries("ssh://ops@box", ssh, 4)
    assert note.endswith("sh: 1: docker: not found: that program is not installed on ops@box, or not in the PATH of its login")


def test_an_ssh_that_says_very_much_is_kept_in_bounds(ssh: Programs) -> None:
    ssh.ssh_fails("ssh: connect to host box port 22: Connection refused", 255, before="head -c 100000 /dev/zero | tr '\\0' x >&2; echo >&2")
    assert after_some_tries("ssh://ops@box", ssh, 4).endswith("ops@box refuses connections: no ssh server listens at that address and port")


def test_that_there_is_no_ssh_here_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert after_some_tries("ssh://ops@box", None, 0).endswith("there is no program ssh here: install it (apt-get install openssh-client)")
