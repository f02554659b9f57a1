"""Waits until the chat server answers, and then becomes Sopel, unchanged.

Sopel gives up at once when its server is not up yet, and the demo's bots start all together.

    start_sopel.py HOST PORT SOPEL_CFG
"""

import configparser
import os
import socket
import sys
import time
from pathlib import Path


def main() -> None:
    host, port, config = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    wait_for_server(host, port)
    remove_pid_file(config)
    os.execv(sys.executable, [sys.executable, "-m", "sopel.cli.run", "start", "-c", config])


def wait_for_server(host: str, port: int) -> None:
    told = False
    while True:
        try:
            socket.create_connection((host, port), 5).close()
        except OSError:
            if not told:
                print(f"Waiting for the chat server at {host}:{port}.", flush=True)
            told = True
            time.sleep(0.1)
        else:
            return


def remove_pid_file(config: str) -> None:
    """A Sopel that was killed leaves it, and the next one might take somebody else's process for itself. That no
    second one runs is the runner's care."""
    parser = configparser.RawConfigParser()
    parser.read(config)
    for pid_file in Path(parser["core"]["homedir"]).glob("*.pid"):
        pid_file.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
