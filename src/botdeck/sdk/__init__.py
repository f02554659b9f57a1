"""What runs inside a bot. It is a guest there: only the standard library of Python 3.9, no thread but the one that
posts by HTTP (`remote.py`), and faults stay inside.

It imports nothing else of Botdeck, because the runner copies this folder and `integrations` beside bots that have no
Botdeck installed (`install.py`, the one file here that a bot never loads).
"""
