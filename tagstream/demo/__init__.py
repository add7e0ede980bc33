"""Demo: the main job on one machine, with broker, S3, store and workers, and the proof of no loss.

photos.py      what is uploaded          embedded_services.py  where it runs: broker, S3, folder
workers.py     the worker processes      drill.py              kill -9 in mid-run
accounting.py  whether topics and store account for every photograph (pure)
demo_run.py    all of it, in order, and what topics and store say after it
table.py, report.py, result.py           the three ways to tell it
"""
