"""A plain S3 client, which knows nothing of Tagstream: storage alone says what it does."""

from __future__ import annotations

from typing import Any

import boto3

from tests.real.premises import Premises

PART = 5 * 2**20
"""Bytes of a part of an upload in parts; S3 takes no smaller one, but for the last."""


class Bucket:
    """The stack's bucket, or one beside it."""

    def __init__(self, premises: Premises, name: str | None = None) -> None:
        settings = premises.settings
        self.name = name or premises.bucket
        self._premises = premises
        self._client: Any = boto3.client(
            "s3",
            endpoint_url=settings["TAGSTREAM_S3__ENDPOINT_URL"],
            region_name=settings["TAGSTREAM_S3__REGION"],
            aws_access_key_id=settings["TAGSTREAM_S3__ACCESS_KEY_ID"],
            aws_secret_access_key=settings["TAGSTREAM_S3__SECRET_ACCESS_KEY"],
        )

    def beside(self, name: str) -> Bucket:
        """Another bucket of the same storage, made and empty."""
        other = Bucket(self._premises, name)
        other._client.create_bucket(Bucket=name)
        other.empty()
        return other

    def put(self, key: str, data: bytes) -> None:
        self._client.put_object(Bucket=self.name, Key=key, Body=data)

    def put_in_parts(self, key: str, data: bytes) -> None:
        """As large files come."""
        upload = {"Bucket": self.name, "Key": key}
        upload["UploadId"] = self._client.create_multipart_upload(**upload)["UploadId"]
        done = []
        for number, start in enumerate(range(0, len(data), PART), 1):
            said = self._client.upload_part(**upload, PartNumber=number, Body=data[start : start + PART])
            done.append({"PartNumber": number, "ETag": said["ETag"]})
        self._client.complete_multipart_upload(**upload, MultipartUpload={"Parts": done})

    def copy(self, source: str, key: str) -> None:
        self._client.copy_object(Bucket=self.name, Key=key, CopySource={"Bucket": self.name, "Key": source})

    def delete(self, *keys: str) -> None:
        """One by itself, several by one request, which storage tells by another name."""
        if len(keys) == 1:
            self._client.delete_object(Bucket=self.name, Key=keys[0])
        else:
            objects = [{"Key": key} for key in keys]
            self._client.delete_objects(Bucket=self.name, Delete={"Objects": objects})

    def holds(self) -> dict[str, bytes]:
        """Every object's bytes, by key."""
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self.name)
        keys = [each["Key"] for page in pages for each in page.get("Contents", ())]
        return {key: self._client.get_object(Bucket=self.name, Key=key)["Body"].read() for key in keys}

    def written(self, prefix: str) -> dict[str, object]:
        """Each object's etag below the prefix, and when it was put, by key; a thousand of them at most."""
        found = self._client.list_objects_v2(Bucket=self.name, Prefix=prefix).get("Contents", ())
        return {each["Key"]: (each["ETag"], each["LastModified"]) for each in found}

    def empty(self) -> None:
        """Remove everything; storage announces each removal."""
        for key in self.holds():
            self.delete(key)
