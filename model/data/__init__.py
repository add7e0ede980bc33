"""Datasets: labelled photographs, and how they are gathered, checked, divided and kept."""
