"""Simulation of the lanes: live uploads and a replay over workers that may die, by the hour of a day."""
