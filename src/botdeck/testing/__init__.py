"""Stand-ins for chat platforms on loopback, for tests of bots. Nothing of Botdeck itself is needed for them."""
