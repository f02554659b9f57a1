"""What the benchmarks share: a place of their own, processes and what they cost, a deck with its runner, reports."""
