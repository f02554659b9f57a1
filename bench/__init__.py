"""Benchmarks and proofs: one command per claim. docs/benchmarks.md says what each shows."""
