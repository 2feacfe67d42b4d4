"""Benchmarks: ratios measured in one run, against yardsticks of the same run."""
