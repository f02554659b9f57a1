"""`make dev`: Botdeck on a configuration, and Vite before it, which reloads the pages as they are edited."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from botdeck.settings import load_settings

FRONTEND = Path(__file__).parent


def main() -> None:
    deck = load_settings(Path(sys.argv[1])).deck
    environment = {**os.environ, "BOTDECK_URL": f"http://{deck.host}:{deck.port}"}
    up = subprocess.Popen([sys.executable, "-m", "botdeck.cli", "up", "--config", sys.argv[1]])
    vite = subprocess.Popen([FRONTEND / "with-node", "npm", "--prefix", FRONTEND, "run", "dev"], env=environment)
    try:
        up.wait()
    except KeyboardInterrupt:
        up.wait()
    finally:
        vite.send_signal(signal.SIGINT)
        vite.wait()


if __name__ == "__main__":
    main()
