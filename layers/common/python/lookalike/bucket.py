"""An S3 bucket as a store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from botocore.config import Config
from botocore.exceptions import ClientError

from lookalike.aws_faults import AWS_FAULTS, NotAnAnswer, is_of_aws, required
from lookalike.errors import StoreUnavailable, UnreadableImage
from lookalike.stores import (
    ABSENT,
    UPLOAD_SECONDS,
    Head,
    MissingObject,
    PreconditionFailed,
    UploadGrant,
)

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

LINK_SECONDS = 3600
# Links and upload forms for https://<bucket>.s3.<region>.amazonaws.com, in every region alike: the
# name that a page's content security policy allows. Others are redirected, which a form does not
# survive, and only this signature opens what is encrypted with a key of KMS.
LINK_CONFIG = Config(
    signature_version="s3v4",
    s3={"addressing_style": "virtual", "us_east_1_regional_endpoint": "regional"},
)
MISSING = {"404", "NoSuchKey", "NotFound"}
WRITTEN_BETWEEN = {"PreconditionFailed", "ConditionalRequestConflict", "412", "409"}


@contextmanager
def _in_our_words(key: str) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        # Not what something between us says: what S3 does not have leaves the index.
        if code in MISSING and is_of_aws(error.response):
            raise MissingObject(key) from error
        if code in WRITTEN_BETWEEN:
            raise PreconditionFailed(key) from error
        raise StoreUnavailable(f"S3 refused {key!r}: {code}") from error
    except (*AWS_FAULTS, ValueError) as error:  # the latter: a header that is no number or no date
        raise StoreUnavailable(f"S3 did not answer for {key!r}: {error}") from error


class Bucket:
    """One bucket.

    The role needs s3:ListBucket: without it S3 answers 403, not 404, for what is absent.
    client: made with LINK_CONFIG, so that its links work wherever the page may read.
    """

    def __init__(self, client: S3Client, name: str) -> None:
        self.client = client
        self.name = name

    def head(self, key: str) -> Head | None:
        try:
            with _in_our_words(key):
                answer = self.client.head_object(Bucket=self.name, Key=key)
                etag, size = required(answer, "ETag"), required(answer, "ContentLength")
                modified = required(answer, "LastModified")
        except MissingObject:
            return None
        return Head(_bare(etag), size, modified)

    def get(self, key: str, max_bytes: int | None = None) -> tuple[bytes, str]:
        with _in_our_words(key):
            answer = self.client.get_object(Bucket=self.name, Key=key)
            with closing(answer["Body"]) as body:  # one that is left midway keeps its connection
                etag, size = required(answer, "ETag"), required(answer, "ContentLength")
                if max_bytes is not None and size > max_bytes:
                    raise UnreadableImage("too_many_bytes", f"{size} bytes", _bare(etag))
                return body.read(), _bare(etag)

    def put(self, key: str, data: bytes, content_type: str, if_match: str | None = None) -> str:
        condition: dict[str, Any] = {}
        if if_match == ABSENT:
            condition = {"IfNoneMatch": "*"}
        elif if_match is not None:
            condition = {"IfMatch": f'"{if_match}"'}
        try:
            with _in_our_words(key):
                answer = self.client.put_object(
                    Bucket=self.name, Key=key, Body=data, ContentType=content_type, **condition
                )
                etag = required(answer, "ETag")
        except MissingObject as error:  # IfMatch on an object that is gone answers 404
            raise PreconditionFailed(key) from error
        return _bare(etag)

    def delete(self, key: str) -> None:
        with _in_our_words(key):
            answer = self.client.delete_object(Bucket=self.name, Key=key)
            if answer["ResponseMetadata"]["HTTPStatusCode"] != HTTPStatus.NO_CONTENT:
                raise NotAnAnswer(field="status 204")

    def keys(self, prefix: str = "") -> Iterator[tuple[str, Head]]:
        with _in_our_words(prefix):
            pages = self.client.get_paginator("list_objects_v2").paginate(
                Bucket=self.name, Prefix=prefix
            )
            for page in pages:
                required(page, "Name")  # else a bucket whose listing was cut short looks empty
                for entry in page.get("Contents", []):
                    yield (
                        entry["Key"],
                        Head(_bare(entry["ETag"]), entry["Size"], entry["LastModified"]),
                    )

    def url(self, key: str) -> str:
        return self.client.generate_presigned_url(
            "get_object", Params={"Bucket": self.name, "Key": key}, ExpiresIn=LINK_SECONDS
        )

    def grant_upload(self, key: str, content_type: str, max_bytes: int) -> UploadGrant:
        post = self.client.generate_presigned_post(
            self.name,
            key,
            Fields={"Content-Type": content_type},
            Conditions=[{"Content-Type": content_type}, ["content-length-range", 1, max_bytes]],
            ExpiresIn=UPLOAD_SECONDS,
        )
        expires_at = datetime.now(UTC) + timedelta(seconds=UPLOAD_SECONDS)
        return UploadGrant(post["url"], post["fields"], expires_at)


def _bare(etag: str) -> str:
    return etag.strip('"')
