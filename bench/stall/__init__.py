"""Pages that stop reading among a thousand that go on."""
