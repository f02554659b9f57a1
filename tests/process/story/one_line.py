"""Starts a bot's file with the one line that its author would add: `python one_line.py BOT_FILE`."""

import importlib
import sys
from pathlib import Path

import botdeck

file = Path(sys.argv.pop(1))
sys.path[0] = str(file.parent)
module = importlib.import_module(file.stem)
botdeck.instrument(module.bot)
module.main()
