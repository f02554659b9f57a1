"""Configurations that are programs: Node runs them in a child process and says what came of it, as JSON."""

import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from botdeck.cli.importers.draft import ImportRefused, Source

TIMEOUT_S = 30.0
# What a configuration itself prints must not get between: the answer goes into a file.
_PROGRAM = """
const [how, path, answer] = process.argv.slice(1);
const fs = require("fs");
const url = require("url").pathToFileURL(path).href;
const said = how === "module" ? import(url).then((it) => it.default ?? it)
  : Promise.resolve(require("vm").runInNewContext("(" + fs.readFileSync(path, "utf8") + ")", {}, { timeout: 1000 }));
said.then((it) => fs.writeFileSync(answer, JSON.stringify(it) ?? "null"))
  .then(() => process.exit(0), (error) => { console.error(String(error)); process.exit(1); });
"""


def evaluate(source: Source, how: str) -> Any:
    """What the file exports (`module`), or is the value of (`expression`). Raises ImportRefused."""
    node = shutil.which("node")
    if node is None:
        raise ImportRefused(
            f"{source.at()}: only Node can read this, and there is no `node` here. Where it is, say: "
            f"node -p 'JSON.stringify(require(\"./{source.path.name}\"))' > ecosystem.json, or pm2 jlist > "
            "ecosystem.json, and import that."
        )
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder, "answer.json")
        _run(source, [node, "-e", _PROGRAM, how, str(source.path.absolute()), str(answer)])
        return json.loads(answer.read_text("utf-8"))


def _run(source: Source, command: list[str]) -> None:
    try:
        done = subprocess.run(
            command,
            cwd=source.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ImportRefused(f"{source.at()}: Node was not done with it after {TIMEOUT_S:g} s.") from None
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()
        raise ImportRefused(f"{source.at()}: Node cannot read it: {said[-1] if said else 'it says nothing'}.")
