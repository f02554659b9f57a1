"""Pages that are cut, in every manner, while everything changes."""
