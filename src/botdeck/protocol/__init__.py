"""What programs say to each other: frames between runner and deck, events between bot and runner. No I/O."""
