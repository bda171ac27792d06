"""The page for people: what its address shows, what it keeps, and what a browser may do there."""

import json
import re
import subprocess
from typing import Any

import pytest

from infra import visits
from infra.environment import environment
from local.server import CONFIG, WEB
from tests.infra.front import FULL, OPEN, Front, changed, front, text


def distribution(made: Front) -> dict[str, Any]:
    config: dict[str, Any] = made.only("CloudFront::Distribution")["DistributionConfig"]
    return config


def behavior(made: Front, path: str) -> dict[str, Any]:
    (found,) = (one for one in distribution(made)["CacheBehaviors"] if one["PathPattern"] == path)
    return dict(found)


def origin(made: Front, found: dict[str, Any]) -> dict[str, Any]:
    (wanted,) = (
        one for one in distribution(made)["Origins"] if one["Id"] == found["TargetOriginId"]
    )
    return dict(wanted)


def test_thumbnails_can_be_seen_and_the_reasons_of_rejects_cannot() -> None:
    made = front(OPEN)

    readable = {
        text(statement["Resource"])
        for policy in made.of("S3::BucketPolicy")
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Principal"] == {"Service": "cloudfront.amazonaws.com"}
    }

    assert {re.sub(r"\$\{Storage(\w+?)[0-9A-F]{8}\.Arn\}", r"\1", one) for one in readable} == {
        "Page/*",
        "Derived/thumbnails/*",
    }


def test_buckets_answer_this_distribution_only_and_it_signs_what_it_asks() -> None:
    made = front(OPEN)
    statements = [
        statement
        for policy in made.of("S3::BucketPolicy")
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Principal"] == {"Service": "cloudfront.amazonaws.com"}
    ]
    access = made.only("CloudFront::OriginAccessControl")["OriginAccessControlConfig"]
    buckets = [one for one in distribution(made)["Origins"] if "S3OriginConfig" in one]

    assert access["SigningBehavior"] == "always"
    assert len(buckets) == len(statements) == 2
    assert all("OriginAccessControlId" in one for one in buckets)
    for statement in statements:
        source = text(statement["Condition"]["StringEquals"]["AWS:SourceArn"])
        assert re.search(r":distribution/\$\{PageDistribution\w+\}$", source)
        assert statement["Action"] == "s3:GetObject"


def test_the_api_is_reached_below_the_page_and_nothing_of_it_is_kept() -> None:
    found = behavior(front(OPEN), "/v1/*")
    api = origin(front(OPEN), found)

    assert {"GET", "POST", "PATCH", "DELETE", "OPTIONS"} <= set(found["AllowedMethods"])
    assert found["CachePolicyId"] == "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"  # CachingDisabled
    # AllViewerExceptHostHeader
    assert found["OriginRequestPolicyId"] == "b689b0a8-53d0-40ab-baf2-68738e2966ac"
    assert (api["OriginPath"], api["CustomOriginConfig"]["OriginProtocolPolicy"]) == (
        "/live",
        "https-only",
    )
    assert "${ApiRest" in text(api["DomainName"])


def test_a_key_is_never_asked_for_in_the_clear() -> None:
    assert behavior(front(OPEN), "/v1/*")["ViewerProtocolPolicy"] == "https-only"


def test_cloudfront_waits_longer_than_the_api_and_replaces_none_of_its_answers() -> None:
    found = origin(front(OPEN), behavior(front(OPEN), "/v1/*"))

    assert found["CustomOriginConfig"]["OriginReadTimeout"] > 29
    assert "CustomErrorResponses" not in distribution(front(OPEN))


def test_each_version_of_a_thumbnail_is_kept_apart_and_at_edges_for_a_day() -> None:
    config = front(OPEN).only("CloudFront::CachePolicy")["CachePolicyConfig"]
    asked = config["ParametersInCacheKeyAndForwardedToOrigin"]["QueryStringsConfig"]

    assert asked == {"QueryStringBehavior": "whitelist", "QueryStrings": ["v"]}
    assert config["DefaultTTL"] == config["MaxTTL"] == 86_400


@pytest.mark.parametrize(
    ("status", "query", "kept"),
    [(200, {"v": {"value": "ab12"}}, True), (200, {}, False), (403, {"v": {"value": "a"}}, False)],
)
def test_a_browser_keeps_a_thumbnail_that_has_a_version_and_no_other_answer(
    status: int, query: dict[str, Any], kept: bool
) -> None:
    event = {"request": {"querystring": query}, "response": {"statusCode": status, "headers": {}}}
    code = front(OPEN).only("CloudFront::Function")["FunctionCode"]
    script = f"{code}\nconsole.log(JSON.stringify(handler({json.dumps(event)})))"

    ran = subprocess.run(["node", "-e", script], capture_output=True, check=True, timeout=30)

    control = json.loads(ran.stdout)["headers"]["cache-control"]["value"]
    assert control.endswith("immutable") == kept


def test_the_whole_page_is_published_and_a_browser_asks_each_time_whether_it_changed() -> None:
    made = front(OPEN)
    metadata = made.publishing["SystemMetadata"]

    assert made.published.keys() == {file.name for file in WEB.iterdir()} | {"config.json"}
    assert metadata["cache-control"].startswith("public, max-age=0,")
    assert made.publishing["DistributionPaths"] == ["/*"]
    assert distribution(made)["DefaultRootObject"] == "index.html"


def test_a_deployed_page_offers_what_its_environment_lets_a_visitor_do() -> None:
    def offered(made: Front) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(made.published["config.json"])
        return found

    assert offered(front(OPEN)) == {"api": "/v1", "api_key": True, "edits": False, "uploads": True}
    assert not offered(front(environment("prod")))["uploads"]
    assert not offered(front(changed(OPEN, auth="iam", uploads="off")))["api_key"]
    assert offered(front(OPEN)).keys() <= CONFIG.keys()


def test_a_domain_of_ones_own_speaks_tls_1_2_and_tells_where_its_dns_record_points() -> None:
    made = front(FULL)
    certificate = distribution(made)["ViewerCertificate"]
    target = made.template["Outputs"]["PageDomainTarget"]["Value"]["Fn::GetAtt"]

    assert distribution(made)["Aliases"] == ["look.example.com"]
    assert certificate["MinimumProtocolVersion"] == "TLSv1.2_2021"
    assert target[1] == "DomainName"


def test_visits_are_logged_where_cloudfront_can_and_say_nothing_about_the_visitor() -> None:
    made = front(OPEN)
    kinds = ("Logs::DeliverySource", "Logs::DeliveryDestination", "Logs::Delivery")
    (condition,) = {one["Condition"] for kind in kinds for one in made.whole(kind).values()}

    assert made.template["Conditions"][condition] == {
        "Fn::Equals": [{"Ref": "AWS::Region"}, "us-east-1"]
    }
    assert made.only("Logs::Delivery")["RecordFields"] == list(visits.FIELDS)
    for personal in ("c-ip", "x-forwarded-for", "cs(Cookie)", "cs-uri-query", "cs(User-Agent)"):
        assert personal not in visits.FIELDS


def test_functions_may_know_the_page_which_so_waits_for_none_of_them() -> None:
    made = front(OPEN)
    (found,) = made.whole("CloudFront::Distribution")

    waits_for = {made.resources[name]["Type"] for name in needed(made, found)}

    assert not waits_for & {
        "AWS::Lambda::Function",
        "AWS::ApiGateway::Method",
        "AWS::ApiGateway::Deployment",
    }


def needed(made: Front, name: str) -> set[str]:
    """All that must exist before a resource does."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        one = made.resources[waiting.pop()]
        written = json.dumps([one["Properties"], one.get("DependsOn")])
        for other in made.resources.keys() - found:
            if f'"{other}"' in written:
                found.add(other)
                waiting.append(other)
    return found


def test_the_same_environment_fits_into_two_regions_of_an_account() -> None:
    made = front(OPEN)
    names = [
        made.only("CloudFront::ResponseHeadersPolicy")["ResponseHeadersPolicyConfig"]["Name"],
        made.only("CloudFront::OriginAccessControl")["OriginAccessControlConfig"]["Name"],
        made.only("CloudFront::CachePolicy")["CachePolicyConfig"]["Name"],
        made.only("CloudFront::Function")["Name"],
    ]

    assert all("${AWS::Region}" in text(name) for name in names)
