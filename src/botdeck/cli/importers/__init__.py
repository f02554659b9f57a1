"""What other process managers' files say, in Botdeck's words. `recognise.read` picks the reader for a
file; `destination` puts what it found into botdeck.toml."""
