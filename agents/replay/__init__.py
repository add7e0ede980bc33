"""Replay: every image that lacks scores of a model version is sent to the lane that makes them."""
