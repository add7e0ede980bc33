"""Evaluation: figures with intervals, thresholds chosen for them, two versions compared."""
