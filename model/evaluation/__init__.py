"""How good a version is: figures with intervals, thresholds chosen for them, two versions compared."""
