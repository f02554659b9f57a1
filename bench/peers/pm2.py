"""PM2, by an ecosystem file and its command line."""

import json
import subprocess
import time
from pathlib import Path
from typing import Any

from bench.house.waiting import wait_for
from bench.peers import HOME, ROOT, Peer, Program, Seen

CLI = HOME / "pm2/node_modules/pm2/bin/pm2"


def node() -> str:
    """A Node that is new enough for the front end is for PM2, too."""
    found = subprocess.run(
        [ROOT / "frontend/with-node", "node", "-p", "process.execPath"], capture_output=True, text=True, check=True
    )
    return found.stdout.strip()


class Pm2(Peer):
    name = "pm2"

    def prepare(self) -> None:
        self._node = node()
        self._home = self.folder / "pm2"
        self._environment = {**self.world.environment, "PM2_HOME": str(self._home), "PM2_DISCRETE_MODE": "true"}
        self._ecosystem = self.folder / "ecosystem.json"
        self._ecosystem.write_text(json.dumps({"apps": [self._app(program) for program in self.programs]}))
        self._orders: list[subprocess.Popen[bytes]] = []

    def _app(self, program: Program) -> dict[str, Any]:
        command, *arguments = self.command(program)
        log = str(self.log_of(program.name))
        return {
            "name": program.name,
            "script": command,
            "args": arguments,
            "interpreter": "none",
            "kill_timeout": program.stop_timeout_s * 1000,
            "out_file": log,
            "error_file": log,
            "merge_logs": True,
        }

    def open(self) -> None:
        self._run("ping")
        self._pid = int((self._home / "pm2.pid").read_text())
        names = [program.name for program in self.programs if program.autostart]
        if names:
            self._run("start", str(self._ecosystem), "--only", ",".join(names))
            self._run("save")

    def _words(self, *words: str) -> list[str]:
        return [self._node, str(CLI), *words]

    def _run(self, *words: str) -> str:
        done = subprocess.run(
            self._words(*words), capture_output=True, text=True, env=self._environment, cwd=self.folder, check=False
        )
        return done.stdout

    def _order(self, *words: str) -> None:
        with (self.folder / "out").open("ab") as out:
            self._orders.append(
                subprocess.Popen(self._words(*words), stdout=out, stderr=out, env=self._environment, cwd=self.folder)
            )

    def start(self, names: list[str]) -> None:
        self._order("start", str(self._ecosystem), "--only", ",".join(names))

    def stop(self, name: str) -> None:
        self._order("stop", name)

    def status(self, name: str) -> Seen:
        said = self._run("jlist")
        for app in json.loads(said[said.find("[") :] or "[]") if "[" in said else []:
            if app["name"] == name:
                own = app["pm2_env"]
                online = own["status"] == "online"
                return Seen(
                    pid=app["pid"] or None,
                    uptime_s=time.time() - own["pm_uptime"] / 1000 if online else None,
                    given_up=own["status"] == "errored",
                )
        return Seen()

    def victims(self) -> dict[str, list[int]]:
        return {"daemon": [self._pid]}

    def reopen(self) -> None:
        self._run("resurrect")
        wait_for(lambda: (self._home / "pm2.pid").exists(), "PM2's daemon")
        self._pid = int((self._home / "pm2.pid").read_text())

    def keepers(self) -> list[int]:
        return [self._pid]

    def log_of(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def close(self) -> None:
        for order in self._orders:
            order.kill()
            order.wait()
