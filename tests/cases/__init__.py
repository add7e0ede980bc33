"""Payloads of senders, each through a real worker, held against what is right."""
