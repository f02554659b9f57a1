"""The program that keeps bots running on one host and ships what they write to a deck."""
