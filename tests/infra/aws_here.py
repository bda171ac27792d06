"""AWS as moto answers it, at its real addresses: a proxy that functions are told to use.

So a bucket is asked by the very host name that it has on AWS, not by a path on this machine.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.request import Request, urlopen

import boto3
import pytest
from botocore.config import Config
from moto.server import ThreadedMotoServer

REGION = "eu-west-1"
# Without TLS, for a proxy to read. Signed requests say by themselves which service they are for.
ENDPOINT = f"http://{REGION}.amazonaws.com"
S3 = f"http://s3.{REGION}.amazonaws.com"

BUCKETS = ("images", "derived", "models", "interactions", "responses")
SIGNING_KEYS = {"current": "first", "first": "0123456789abcdef" * 2}


class Aws:
    """Buckets, a queue, a stream and two secrets; `environ` is how a function finds them."""

    def __init__(self, port: int, qdrant: dict[str, str]) -> None:
        self.proxy = f"http://127.0.0.1:{port}"
        for bucket in BUCKETS:
            where = {"LocationConstraint": REGION}
            self.client("s3").create_bucket(
                Bucket=f"lookalike-test-{bucket}", CreateBucketConfiguration=where
            )
        for name, document in {"qdrant": qdrant, "signing": SIGNING_KEYS}.items():
            self.client("secretsmanager").create_secret(
                Name=f"lookalike/test/{name}", SecretString=json.dumps(document)
            )
        self.queue = self.client("sqs").create_queue(QueueName="lookalike-test-embed")["QueueUrl"]
        self.client("firehose").create_delivery_stream(
            DeliveryStreamName="lookalike-test-interactions",
            ExtendedS3DestinationConfiguration={
                "RoleARN": "arn:aws:iam::123456789012:role/firehose",
                "BucketARN": "arn:aws:s3:::lookalike-test-interactions",
            },
        )
        self.client("athena").create_work_group(Name="lookalike-test")
        self.environ = {
            "http_proxy": self.proxy,
            "no_proxy": "127.0.0.1",
            "AWS_ENDPOINT_URL": ENDPOINT,
            "AWS_ENDPOINT_URL_S3": S3,
            "LOOKALIKE_IMAGES": "s3://lookalike-test-images",
            "LOOKALIKE_DERIVED": "s3://lookalike-test-derived",
            "LOOKALIKE_MODELS": "s3://lookalike-test-models",
            "LOOKALIKE_IMAGES_URL": "",
            "LOOKALIKE_QDRANT": "secret://lookalike/test/qdrant",
            "LOOKALIKE_SIGNING_KEYS": "secret://lookalike/test/signing",
            "LOOKALIKE_INTERACTIONS": "firehose://lookalike-test-interactions",
            "LOOKALIKE_REPORTS": "athena://lookalike-test/lookalike_test",
            "LOOKALIKE_CHANGES_QUEUE": self.queue,
        }

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            region_name=REGION,
            endpoint_url=S3 if service == "s3" else ENDPOINT,
            aws_access_key_id="AKIAEXAMPLE",
            aws_secret_access_key="example",
            config=Config(proxies={"http": self.proxy}, s3={"addressing_style": "virtual"}),
        )

    def objects(self, bucket: str) -> dict[str, bytes]:
        s3, name = self.client("s3"), f"lookalike-test-{bucket}"
        found = s3.list_objects_v2(Bucket=name).get("Contents", [])
        return {
            one["Key"]: s3.get_object(Bucket=name, Key=one["Key"])["Body"].read() for one in found
        }

    def put(self, bucket: str, key: str, data: bytes) -> None:
        self.client("s3").put_object(Bucket=f"lookalike-test-{bucket}", Key=key, Body=data)

    def athena_says(self, columns: dict[str, str], *rows: list[str]) -> None:
        """To the next query. columns: types by name."""
        told = [list(columns), *rows]
        result = {
            "rows": [{"Data": [{"VarCharValue": cell} for cell in row]} for row in told],
            "column_info": [{"Name": name, "Type": kind} for name, kind in columns.items()],
        }
        document = {"region": REGION, "results": [result]}
        where = f"{self.proxy}/moto-api/static/athena/query-results"
        urlopen(Request(where, json.dumps(document).encode(), method="POST")).close()

    def link_to_put(self, bucket: str, key: str) -> str:
        where = {"Bucket": f"lookalike-test-{bucket}", "Key": key}
        link: str = self.client("s3").generate_presigned_url("put_object", Params=where)
        return link


@contextmanager
def aws(qdrant: dict[str, str]) -> Iterator[Aws]:
    """`qdrant`: the secret that names it."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    patch = pytest.MonkeyPatch()
    for name in ("http_proxy", "HTTP_PROXY", "AWS_ENDPOINT_URL", "AWS_PROFILE"):
        patch.delenv(name, raising=False)
    server.start()
    port = server.get_host_and_port()[1]
    try:
        yield Aws(port, qdrant)
    finally:
        # moto keeps one account for all servers of a process
        urlopen(Request(f"http://127.0.0.1:{port}/moto-api/reset", method="POST")).close()
        server.stop()
        patch.undo()
