"""supervisord, by its configuration file and its XML-RPC interface, which is what supervisorctl uses."""

import shlex
import xmlrpc.client
from pathlib import Path
from typing import Any

from bench.house.waiting import wait_for
from bench.house.world import free_port
from bench.peers import Program, Seen
from bench.peers.daemon import Daemon

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


class Supervisord(Daemon):
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

    def arguments(self) -> list[str | Path]:
        return ["supervisord", "-c", self._config]

    def wait_until_open(self) -> None:
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
