"""circus, by its configuration file and its own client."""

import json
import shlex
import subprocess
from functools import partial
from pathlib import Path
from typing import Any

from bench.house.waiting import wait_for
from bench.house.world import free_port
from bench.peers import HOME, Program, Seen
from bench.peers.daemon import Daemon

_WATCHER = """
[watcher:{name}]
cmd = {command}
autostart = {autostart}
copy_env = True
graceful_timeout = {stop_timeout_s}
stop_children = True
stdout_stream.class = FileStream
stdout_stream.filename = {log}
"""
# Its client needs packages of its own environment. A question a line, an answer a line.
_CLIENT = """
import json, sys
from circus.client import CircusClient
client = CircusClient(endpoint=sys.argv[1], timeout=5.0)
for line in sys.stdin:
    try:
        answer = client.call(json.loads(line))
    except Exception as error:
        answer = {"status": "error", "reason": repr(error)}
        client = CircusClient(endpoint=sys.argv[1], timeout=5.0)
    print(json.dumps(answer), flush=True)
"""


class Circus(Daemon):
    name = "circus"

    def prepare(self) -> None:
        self._endpoint = f"tcp://127.0.0.1:{free_port()}"
        head = f"[circus]\nendpoint = {self._endpoint}\npubsub_endpoint = tcp://127.0.0.1:{free_port()}\n"
        self._config = self.folder / "circus.ini"
        self._config.write_text(head + "".join(map(self._table, self.programs)))
        self._client = subprocess.Popen(
            [HOME / "python/bin/python", "-c", _CLIENT, self._endpoint],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def _table(self, program: Program) -> str:
        return _WATCHER.format(
            name=program.name,
            command=shlex.join(self.command(program)),
            autostart=program.autostart,
            stop_timeout_s=program.stop_timeout_s,
            log=self.log_of(program.name),
        )

    def arguments(self) -> list[str | Path]:
        return ["circusd", self._config]

    def wait_until_open(self) -> None:
        wait_for(lambda: self._call("numwatchers").get("status") == "ok", "circus", 30)

    def _call(self, command: str, **properties: Any) -> dict[str, Any]:
        assert self._client.stdin
        assert self._client.stdout
        self._client.stdin.write(json.dumps({"command": command, "properties": properties}) + "\n")
        self._client.stdin.flush()
        answer: dict[str, Any] = json.loads(self._client.stdout.readline())
        return answer

    def start(self, names: list[str]) -> None:
        # One by one: all at once it starts only those that start by themselves. While it carries out one order it takes
        # no other.
        for name in names:
            wait_for(partial(self._takes, "start", name), f"circus to start {name}", every_s=0.002)

    def _takes(self, command: str, name: str) -> bool:
        return self._call(command, name=name).get("status") == "ok"

    def stop(self, name: str) -> None:
        wait_for(partial(self._takes, "stop", name), f"circus to stop {name}", every_s=0.01)

    def status(self, name: str) -> Seen:
        info = self._call("stats", name=name).get("info")
        for pid, figures in info.items() if isinstance(info, dict) else []:
            age = figures.get("age") if isinstance(figures, dict) else None
            return Seen(pid=int(pid), uptime_s=float(age) if age is not None else None)
        return Seen()

    def close(self) -> None:
        assert self._client.stdin
        self._client.stdin.close()
        self._client.wait()
