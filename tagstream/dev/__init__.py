"""`tagstream dev`: the whole system on one machine, left running.

state.py     what a running system says of itself, for commands in another terminal
system.py    broker, S3 endpoint, store and workers, opened and closed in order
crew.py      workers that die are replaced, until it is hopeless
watching.py  a line for each photograph, off the topics
screen.py    the two ways to tell it: for people, and as JSON lines
"""
