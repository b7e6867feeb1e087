"""A child process whose output is read: blocks as they come, its last words, its end, and nothing of it left behind. Knows no program.

The child leads a process group of its own, and closing kills the group: ssh may have started others (a proxy command, a jump).
No thread waits for it. After its output ended, its exit is a matter of milliseconds and is looked for.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from collections import deque
from collections.abc import Sequence
from typing import IO

from connwatch.model.errors import SourceError
from connwatch.sources.follower import BLOCK, MAX_LINE

__all__ = ["Child", "Lines"]

LAST_WORDS = 40
"""Lines of standard error that are kept, each cut at WORD_LENGTH bytes."""
WORD_LENGTH = 500
EXIT_SECONDS = 5.0
"""How long a child may live on after it closed its output."""
WORDS_SECONDS = 0.5
"""How long standard error may stay open after the child's end: a grandchild can hold it."""


class Lines:
    """Whole lines out of blocks. What is longer than `limit` bytes is cut there, and the rest of it is left out, however the blocks fall.

    `taken` is how many of the bytes that were fed have left, as lines or left out; `skipping`, whether that is within a line that was cut.
    """

    def __init__(self, *, limit: int = MAX_LINE, skipping: bool = False) -> None:
        self.held = b""
        self.taken = 0
        self.skipping = skipping
        self._limit = limit

    def feed(self, block: bytes) -> bytes:
        """The whole lines that `block` completes, with their newlines; b"" when it completes none."""
        if self.skipping:
            end = block.find(b"\n") + 1
            self.taken += end or len(block)
            if not end:
                return b""
            self.skipping, block = False, block[end:]
        cut = block.rfind(b"\n") + 1
        if cut:
            data, self.held = self.held + block[:cut], block[cut:]
        else:
            data, self.held = b"", self.held + block
        self.taken += len(data)
        if len(data) > self._limit:
            data = b"".join(line[: self._limit] + b"\n" for line in data.split(b"\n")[:-1])
        if len(self.held) > self._limit:
            data += self.held[: self._limit] + b"\n"
            self.taken += len(self.held)
            self.held, self.skipping = b"", True
        return data

    def finish(self) -> bytes:
        """What is held of an unfinished line, closed by a newline. What is fed after that begins a line."""
        self.taken += len(self.held)
        data, self.held, self.skipping = self.held + b"\n" if self.held else b"", b"", False
        return data


class Child:
    """A running child. Use `start`, and `close` in a `finally`."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._output = asyncio.StreamReader(limit=BLOCK)
        self._errors = asyncio.StreamReader(limit=BLOCK)
        self._pipes: list[asyncio.BaseTransport | IO[bytes] | None] = [process.stdin]
        self._words: deque[str] = deque(maxlen=LAST_WORDS)
        self._listening: asyncio.Task[None] | None = None

    @classmethod
    async def start(cls, command: Sequence[str], *, missing: str) -> Child:
        """Run `command`, its standard input a pipe that stays open until `close`. `missing` is the error where there is no such program."""
        try:
            child = cls(_started(command))
        except FileNotFoundError as error:
            raise SourceError(missing) from error
        except OSError as error:
            raise SourceError(f"cannot start {command[0]}: {error.strerror}") from error
        try:
            await child._connect()
        except BaseException:
            child.close()
            raise
        return child

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        self._pipes += [self._process.stdout, self._process.stderr]
        for place, reader in ((1, self._output), (2, self._errors)):
            pipe, protocol = self._pipes[place], asyncio.StreamReaderProtocol(reader)
            self._pipes[place], _ = await loop.connect_read_pipe(lambda protocol=protocol: protocol, pipe)  # type: ignore[misc]
        self._listening = asyncio.create_task(self._listen())

    async def read(self) -> bytes:
        """The next bytes of its output, b"" at the end. What is not read stays in the pipe and makes the child wait."""
        return await self._output.read(BLOCK)

    async def finish(self) -> int:
        """Its exit status once its output has ended; negative where a signal ended it. A child that lives on is killed."""
        clock = asyncio.get_running_loop().time
        give_up = clock() + EXIT_SECONDS
        while not self._exited() and clock() < give_up:  # noqa: ASYNC110 - nothing tells of an exit without a thread
            await asyncio.sleep(0.005)
        if self._listening is not None:
            await asyncio.wait([self._listening], timeout=WORDS_SECONDS)
        self.close()
        status: int = self._process.returncode
        return status

    @property
    def last_words(self) -> list[str]:
        """The last lines of its standard error."""
        return list(self._words)

    def close(self) -> None:
        """Kill the whole group, reap the child, close every pipe. May be called more than once."""
        if self._listening is not None:
            self._listening.cancel()
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        for pipe in self._pipes:
            if pipe is not None:
                pipe.close()

    def _exited(self) -> bool:
        """Whether it has ended. It is not reaped yet: until then nobody else can have the number of its group."""
        return os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    async def _listen(self) -> None:
        lines = Lines()
        while block := await self._errors.read(BLOCK):
            self._keep(lines.feed(block))
        self._keep(lines.finish())

    def _keep(self, data: bytes) -> None:
        self._words.extend(line[:WORD_LENGTH].decode("utf-8", "replace").rstrip() for line in data.splitlines() if line.strip())


def _started(command: Sequence[str]) -> subprocess.Popen[bytes]:
    """The child; messages are recognised, therefore they are asked for in English."""
    return subprocess.Popen(  # noqa: S603 - a list of arguments, no shell
        list(command),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
        start_new_session=True,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )
