"""supervisord, by its configuration file and its XML-RPC interface, which is what supervisorctl uses."""

import shlex
import subprocess
import xmlrpc.client
from pathlib import Path
from typing import Any

from bench.house.waiting import wait_for
from bench.house.world import free_port
from bench.peers import HOME, Peer, Program, Seen

# The log unlimited, so that nothing is rotated away; signals to the whole group, which is not the default.
_PROGRAM = """
[program:{name}]
command = {command}
autostart = {autostart}
autorestart = true
stopwaitsecs = {stop_timeout_s}
stopasgroup = true
killasgroup = true
redirect_stderr = true
stdout_logfile = {log}
stdout_logfile_maxbytes = 0
"""


class Supervisord(Peer):
    name = "supervisord"

    def prepare(self) -> None:
        self._port = free_port()
        head = f"""
[supervisord]
nodaemon = true
logfile = {self.folder}/supervisord.log
pidfile = {self.folder}/supervisord.pid
[inet_http_server]
port = 127.0.0.1:{self._port}
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
"""
        self._config = self.folder / "supervisord.conf"
        self._config.write_text(head + "".join(map(self._table, self.programs)))

    def _table(self, program: Program) -> str:
        return _PROGRAM.format(
            name=program.name,
            command=shlex.join(self.command(program)),
            autostart=str(program.autostart).lower(),
            stop_timeout_s=program.stop_timeout_s,
            log=self.log_of(program.name),
        )

    def open(self) -> None:
        with (self.folder / "out").open("ab") as out:
            self._process = subprocess.Popen(
                [HOME / "python/bin/supervisord", "-c", self._config],
                stdout=out,
                stderr=out,
                env=self.world.environment,
                start_new_session=True,
            )
        wait_for(self._answers, "supervisord", 30)

    def _answers(self) -> bool:
        try:
            return bool(self._rpc.getState())
        except OSError:
            return False

    @property
    def _rpc(self) -> Any:
        return xmlrpc.client.ServerProxy(f"http://127.0.0.1:{self._port}/RPC2").supervisor

    def start(self, names: list[str]) -> None:
        if set(names) == {program.name for program in self.programs}:
            self._rpc.startAllProcesses(False)
            return
        for name in names:
            self._rpc.startProcess(name, False)

    def stop(self, name: str) -> None:
        self._rpc.stopProcess(name, False)

    def status(self, name: str) -> Seen:
        info = self._rpc.getProcessInfo(name)
        running = info["statename"] == "RUNNING"
        return Seen(
            pid=info["pid"] or None,
            uptime_s=float(info["now"] - info["start"]) if running else None,
            given_up=info["statename"] == "FATAL",
        )

    def victims(self) -> dict[str, list[int]]:
        return {"supervisord": [self._process.pid]}

    def reopen(self) -> None:
        self._process.wait()
        self.open()

    def keepers(self) -> list[int]:
        return [self._process.pid]

    def log_of(self, name: str) -> Path:
        return self.folder / f"{name}.log"
