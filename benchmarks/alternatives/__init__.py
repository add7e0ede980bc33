"""What a user would pick instead of Tagstream: programs that do its job, each as its library's pages advise.

None of their libraries is a dependency of the product: `make bench` installs them into an environment of
their own (`benchmarks/suite/environment.py`), from `requirements.txt` beside this file.
"""
