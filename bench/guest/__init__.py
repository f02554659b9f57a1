"""Programs that bench-sdk runs in Pythons of their own: what a bot would pay."""
