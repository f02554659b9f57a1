"""The runner's side of the spawner: ask for a program in a shim, get a pidfd of the shim."""

import asyncio
import contextlib
import json
import marshal
import os
import resource
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botdeck.errors import BotdeckError
from botdeck.protocol.codec import to_json

_PROGRAM = Path(__file__).with_name("spawner_main.py")


ANSWER_TIMEOUT_S = 10.0
"""A spawner answers within milliseconds; one that does not hangs, and would hold up every start."""


class SpawnTrouble(BotdeckError):
    """The system gives no process now; later it may. `errno` if it was the system that said so."""

    def __init__(self, sentence: str, *, errno: int | None = None) -> None:
        super().__init__(sentence)
        self.errno = errno


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemUser:
    """The account a bot runs as."""

    name: str
    uid: int
    gid: int
    home: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the shim is told. Paths are absolute."""

    dir: str
    command: tuple[str, ...]
    env: Mapping[str, str]
    cwd: str
    user: SystemUser | None
    events: str
    open_files: int = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    """Soft limit: the one this program was started with, whatever it gave itself since."""


class Spawner:
    """Starts the spawner process when it is first needed, and again should it be gone."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = dict(environment)
        self._one_at_a_time = asyncio.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None

    async def spawn(self, request: Request, *, lock: int, output: int) -> int:
        """A pidfd of the shim; returns when the program runs, or could not be started and the run's `exit` note says
        why. The caller keeps its own `lock` and `output`. Raises SpawnTrouble."""
        ready, ready_for_shim = os.pipe()
        try:
            with os.fdopen(_memory_file(to_json(request)), "rb") as memory:
                fds = [memory.fileno(), lock, output, ready_for_shim]
                async with self._one_at_a_time:
                    shim = await self._exchange(fds)
        except BaseException:
            os.close(ready)
            raise
        finally:
            os.close(ready_for_shim)
        try:
            await _readable(ready)
        except BaseException:
            os.close(shim)
            raise
        finally:
            os.close(ready)
        return shim

    def close(self) -> None:
        """The spawner ends with its socket; the shims and bots go on."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(2)
            self._process = None

    async def _exchange(self, fds: list[int]) -> int:
        if self._socket is None:
            self._socket = self._start()
        try:
            socket.send_fds(self._socket, [b"start"], fds)
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                await _readable(self._socket.fileno())
            data, received, _, _ = socket.recv_fds(self._socket, 4096, 1)
        except BaseException as error:
            # An answer that comes after all must not be taken for that of the next request.
            if isinstance(error, TimeoutError) and self._process is not None:
                self._process.kill()
            self.close()
            if isinstance(error, TimeoutError):
                raise SpawnTrouble(f"the spawner process gave no answer for {ANSWER_TIMEOUT_S:g} s") from None
            if isinstance(error, OSError):
                raise SpawnTrouble(f"the spawner process is gone ({error})") from None
            raise
        if not data:
            self.close()
            raise SpawnTrouble("the spawner process ended")
        if not received:
            why = json.loads(data)
            raise SpawnTrouble(f"the system gives no process: {why.get('error')}", errno=why.get("errno"))
        os.set_inheritable(received[0], False)
        return received[0]

    def _start(self) -> socket.socket:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            try:
                self._process = subprocess.Popen(
                    [sys.executable, "-I", "-S", _PROGRAM, str(theirs.fileno())],
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    env=self._environment,
                    start_new_session=True,
                )
            except OSError as error:
                ours.close()
                sentence = f"the spawner process cannot be started: {error.strerror}"
                raise SpawnTrouble(sentence, errno=error.errno) from None
        ours.setblocking(False)
        return ours


def _memory_file(request: dict[str, Any]) -> int:
    """A message on the socket is limited in size, an environment is not."""
    fd = os.memfd_create("botdeck-request")
    os.write(fd, marshal.dumps(request))
    return fd


async def _readable(fd: int) -> None:
    loop = asyncio.get_running_loop()
    seen = loop.create_future()

    def tell() -> None:
        if not seen.done():
            seen.set_result(None)

    loop.add_reader(fd, tell)
    try:
        await seen
    finally:
        loop.remove_reader(fd)
