"""What a photograph costs, in CPU seconds and as ratios within one run: `python -m benchmarks`."""
