"""Development system: the whole of Tagstream on one machine, left running.

state.py        what a running system says of itself, for commands in another terminal
system.py       broker, S3 endpoint and store, opened and closed in order
dev_key.py      a fresh API key for each run
supervisor.py   processes that die are replaced, until it is hopeless
photographs.py  a line for each photograph, off the topics
screen.py       the two ways to tell it: for people, and as JSON lines
dev_run.py      all of it, in order
"""
