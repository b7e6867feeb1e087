"""A daemon that had to keep its state in memory, beside the file of an earlier one: commands do not take the old file for what holds now."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from connwatch.cli.main import cli
from connwatch.daemon.service import Service
from connwatch.model.change import Closed
from connwatch.sources.file import FileSource
from connwatch.store.journal import Journal
from connwatch.store.opening import Opened, in_memory, open_state
from connwatch.store.turn import Turn
from support.attempts import T, connected, the_silence
from support.live import serving, until
from unit.web.test_questions import Quiet

NOTE = "cannot write state.db (Permission denied): nothing is remembered over a restart"
Ask = Callable[..., Awaitable[Result]]


def beside(folder: Path, tell: Callable[[Ask], Awaitable[None]], *, opened: Callable[[Path], Opened]) -> None:
    """An earlier daemon left one attempt in the file; the one that answers knows another."""
    path = folder / "state.db"

    async def play() -> None:
        before = Journal(open_state(path))
        await before.commit(Turn(T, changes=[Closed(T, the_silence())]))
        await before.close()
        service = Service(Quiet([]), [FileSource("app", str(folder / "app.log"))], Journal(opened(path)))  # type: ignore[arg-type]
        async with serving(service) as port:
            await until(lambda: service.recorder.begun)
            await service.recorder._commit(Turn(T), [Closed(T, connected())])
            config = folder / "connwatch.toml"
            config.write_text(f'[state]\npath = "{path}"\n[http]\nlisten = "127.0.0.1:{port}"\n')

            async def ask(*args: str) -> Result:
                return await asyncio.to_thread(CliRunner().invoke, cli, [args[0], "--config", str(config), *args[1:]])

            await tell(ask)

    asyncio.run(asyncio.wait_for(play(), 60))


def only_in_memory(_: Path) -> Opened:
    state = in_memory()
    state.note, state.lasting = NOTE, False
    return state


def test_what_was_recorded_is_asked_of_the_daemon(tmp_path: Path) -> None:
    async def tell(ask: Ask) -> None:
        listed = await ask("attempts", "--json")
        assert [json.loads(line)["id"] for line in listed.stdout.splitlines()] == ["0b11e2d4"]
        assert f"does not keep its state in this file: {NOTE}; asking it" in listed.stderr
        assert (await ask("show", "0b11")).exit_code == 0
        assert (await ask("show", "7f3c")).exit_code == 2

    beside(tmp_path, tell, opened=only_in_memory)


@pytest.mark.parametrize(
    "args", [("silence", "--for", "1h"), ("silence", "--list"), ("silence", "--end", "1"), ("alerts",), ("alerts", "--preview"), ("notifications",)]
)
def test_what_only_the_file_could_tell_or_take_is_refused(tmp_path: Path, args: tuple[str, ...]) -> None:
    async def tell(ask: Ask) -> None:
        refused = await ask(*args)
        assert (refused.exit_code, refused.stdout) == (3, "")
        assert f"does not keep its state in this file: {NOTE}" in refused.stderr
        assert "let the account it runs as write that file and start it again" in refused.stderr

    beside(tmp_path, tell, opened=only_in_memory)


def test_another_daemon_with_a_file_of_its_own_is_told_apart(tmp_path: Path) -> None:
    async def tell(ask: Ask) -> None:
        listed = await ask("attempts", "--json")
        assert [json.loads(line)["id"] for line in listed.stdout.splitlines()] == ["0b11e2d4"]
        assert f"does not keep its state in {tmp_path}/state.db; asking it" in listed.stderr
        assert (await ask("silence", "--for", "1h")).exit_code == 3

    beside(tmp_path, tell, opened=lambda path: open_state(path.with_name("other.db")))


def test_the_file_that_the_daemon_keeps_is_read_and_written(tmp_path: Path) -> None:
    async def tell(ask: Ask) -> None:
        listed = await ask("attempts")
        assert f"from {tmp_path}/state.db" in listed.stderr
        assert "does not keep" not in listed.stderr
        assert (await ask("silence", "--for", "1h")).exit_code == 0
        assert (await ask("notifications")).exit_code == 0

    beside(tmp_path, tell, opened=open_state)
