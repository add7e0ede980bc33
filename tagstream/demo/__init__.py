"""Demo: the main job on one machine, with broker, S3, store and workers, and the proof of no loss.

photos.py      what is uploaded          house.py       where it runs: broker, S3, folder
workers.py     the worker processes      drill.py       kill -9 in mid-run
evidence.py    what topics and store say after the run
accounting.py  whether that accounts for every photograph (pure)
run.py         all of it, in order
table.py, document.py, report.py         the three ways to tell it
"""
