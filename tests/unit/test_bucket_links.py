"""Links and upload forms of a bucket, as a page under a strict policy can use them."""

from collections.abc import Callable, Iterator
from urllib.parse import parse_qs, urlsplit

import pytest

from lookalike import wiring
from lookalike.stores import Store

NAME = "lookalike-dev-images-123456789012-eu-west-1"


@pytest.fixture
def bucket_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Store]]:
    """The bucket that is wired in a region; nothing is sent anywhere."""

    def made(region: str) -> Store:
        monkeypatch.setenv("AWS_DEFAULT_REGION", region)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "example")
        monkeypatch.setenv("LOOKALIKE_IMAGES", f"s3://{NAME}")
        wiring.forget()
        return wiring.image_store()

    yield made
    monkeypatch.undo()
    wiring.forget()


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1", "ap-southeast-3"])
def test_a_link_names_the_bucket_and_its_region(
    bucket_in: Callable[[str], Store], region: str
) -> None:
    link = urlsplit(bucket_in(region).url("a folder/red + blue.jpg"))

    assert f"{link.scheme}://{link.netloc}" == f"https://{NAME}.s3.{region}.amazonaws.com"
    assert link.path == "/a%20folder/red%20%2B%20blue.jpg"


def test_a_link_is_signed_so_that_kms_takes_it(bucket_in: Callable[[str], Store]) -> None:
    query = parse_qs(urlsplit(bucket_in("eu-west-1").url("a.jpg")).query)

    assert query["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
    assert query["X-Amz-Expires"] == ["3600"]


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1"])
def test_an_upload_goes_straight_to_the_region_over_tls(
    bucket_in: Callable[[str], Store], region: str
) -> None:
    grant = bucket_in(region).grant_upload("uploads/a.jpg", "image/jpeg", 1000)

    assert grant.url == f"https://{NAME}.s3.{region}.amazonaws.com/"
    assert grant.fields["x-amz-algorithm"] == "AWS4-HMAC-SHA256"
    assert {"key", "Content-Type", "policy", "x-amz-signature"} <= grant.fields.keys()


def test_an_imitation_of_s3_at_an_address_is_still_reached(
    bucket_in: Callable[[str], Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:5000")

    assert bucket_in("us-east-1").url("a.jpg").startswith(f"http://127.0.0.1:5000/{NAME}/a.jpg?")
