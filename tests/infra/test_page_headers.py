"""What a browser may load and send on the deployed page."""

import re
from typing import Any

import boto3

from local.guard import CONTENT_SECURITY_POLICY
from lookalike.bucket import LINK_CONFIG, Bucket
from tests.infra.front import OPEN, Front, front, text

REGION = "eu-central-1"


def security(made: Front) -> dict[str, Any]:
    policy = made.only("CloudFront::ResponseHeadersPolicy")["ResponseHeadersPolicyConfig"]
    found: dict[str, Any] = policy["SecurityHeadersConfig"]
    return found


def content_security_policy(made: Front) -> str:
    """As it is in an account's region."""
    written = text(security(made)["ContentSecurityPolicy"]["ContentSecurityPolicy"])
    return known(written)


def known(written: str) -> str:
    values = {"AccountId": "123456789012", "Region": REGION, "URLSuffix": "amazonaws.com"}
    return re.sub(r"\$\{AWS::(\w+)\}", lambda found: values[found[1]], written)


def directives(policy: str) -> dict[str, set[str]]:
    found = {}
    for directive in policy.split("; "):
        name, *sources = directive.split()
        found[name] = set(sources)
    return found


def test_the_page_may_do_what_it_may_on_a_laptop_and_reach_the_bucket_of_pictures() -> None:
    here = directives(CONTENT_SECURITY_POLICY)
    there = directives(content_security_policy(front(OPEN)))
    pictures = {f"https://lookalike-dev-images-123456789012-{REGION}.s3.{REGION}.amazonaws.com"}

    assert there.keys() == here.keys()
    for name in here:
        more = pictures if name in {"img-src", "connect-src"} else set()
        assert there[name] == here[name] | more


def test_links_to_originals_and_forms_for_uploads_lead_where_the_page_may_reach() -> None:
    client = boto3.client(
        "s3",
        region_name=REGION,
        config=LINK_CONFIG,
        aws_access_key_id="id",
        aws_secret_access_key="secret",
    )
    bucket = Bucket(client, known(text(images_bucket(front(OPEN)))))
    allowed = directives(content_security_policy(front(OPEN)))

    link = bucket.url("red 1.jpg")
    form = bucket.grant_upload("red.jpg", "image/jpeg", 1000)

    assert any(link.startswith(f"{source}/") for source in allowed["img-src"])
    assert form.url.rstrip("/") in allowed["connect-src"]


def images_bucket(made: Front) -> Any:
    (name,) = (
        one["BucketName"] for one in made.of("S3::Bucket") if "-images-" in text(one["BucketName"])
    )
    return name


def test_a_browser_comes_back_by_https_and_shows_the_page_in_no_frame() -> None:
    found = security(front(OPEN))

    assert found["StrictTransportSecurity"]["AccessControlMaxAgeSec"] >= 31_536_000
    assert found["FrameOptions"] == {"FrameOption": "DENY", "Override": True}
    assert found["ContentTypeOptions"]["Override"]
    assert found["ReferrerPolicy"]["ReferrerPolicy"] == "no-referrer"
