#!/usr/bin/env python3
"""Make the buckets of `TAGSTREAM_S3__BUCKETS`, and have storage announce what happens in them.

Run with the address of the notification target, as storage names it: `bucket.py arn:minio:sqs::NAME:kafka`.
Safe to run again.
"""

from __future__ import annotations

import sys
from typing import Any

import boto3

from agents.wiring import settings

EVENTS = ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]


def main() -> None:
    """Set up every bucket that events may name."""
    _, target = sys.argv
    given = settings.load().s3
    client = boto3.client(
        "s3",
        endpoint_url=given.endpoint_url,
        region_name=given.region,
        aws_access_key_id=given.access_key_id.get_secret_value() if given.access_key_id else None,
        aws_secret_access_key=given.secret_access_key.get_secret_value() if given.secret_access_key else None,
    )
    for bucket in given.buckets:
        _make(client, bucket)
        _announce(client, bucket, target=target)
        sys.stdout.write(f"{bucket}: announces to {target}\n")


def _make(client: Any, bucket: str) -> None:  # noqa: ANN401 - boto3 makes its clients at run time
    try:
        client.create_bucket(Bucket=bucket)
    except client.exceptions.BucketAlreadyOwnedByYou:
        sys.stdout.write(f"{bucket}: is there\n")


def _announce(client: Any, bucket: str, *, target: str) -> None:  # noqa: ANN401 - as above
    # The whole configuration of the bucket, and so the same however often it is put.
    client.put_bucket_notification_configuration(
        Bucket=bucket,
        NotificationConfiguration={"QueueConfigurations": [{"QueueArn": target, "Events": EVENTS}]},
    )


if __name__ == "__main__":
    main()
