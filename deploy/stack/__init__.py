"""Local stack: Apache Kafka, MongoDB's protocol and an S3 gateway on this machine, without Docker.

For development and for `make test-real`: everything listens on loopback, and one node of each is all
there is. `python -m deploy.stack up` starts it, `down` stops it.
"""
