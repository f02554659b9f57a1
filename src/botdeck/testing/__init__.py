"""Stand-ins for chat platforms on loopback, for tests of bots: ours, and those of authors who want to test their own.

They need the standard library and `websockets`, are no part of what a running bot or deck loads, and speak as much of a
platform as real libraries need to log in, hear people, answer and come back. They are our work, not the platforms':
what passes here was never seen by the real thing. docs/testing.md shows how to use them.
"""
