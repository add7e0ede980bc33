"""A soak: real workers over real servers under steady traffic and random faults, and an account at the end.

`python -m tests.soak --minutes 3`, or `make soak MINUTES=3`. What should have come of the traffic is
worked out from what was published (`oracle`), what did come is read back (`evidence`), and the
difference is the account.
"""
