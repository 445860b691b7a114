"""Benchmarks: each module has a `SUMMARY` and `run(quick, on_step) -> list[Score]`."""
