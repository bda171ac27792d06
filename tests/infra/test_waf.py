"""The firewall: who is refused, who is counted as whom, and that pictures get through."""

import json
import re
from typing import Any

from tests.infra.front import FULL, OPEN, Front, front, text

FIREWALL = "WAFv2::WebACL"


def rules(made: Front) -> dict[str, dict[str, Any]]:
    return {rule["Name"]: rule for rule in made.only(FIREWALL)["Rules"]}


def test_a_firewall_stands_before_the_stage_where_an_environment_has_one() -> None:
    made = front(FULL)

    guarded = text(made.only("WAFv2::WebACLAssociation")["ResourceArn"])

    assert re.search(r"/restapis/\$\{ApiRest\w+\}/stages/\$\{ApiRest\w+live\w+\}$", guarded)
    assert not front(OPEN).of(FIREWALL)


def test_a_reader_behind_cloudfront_and_an_address_may_ask_as_often_as_the_environment_says() -> (
    None
):
    rates = {
        name: rule["Statement"]["RateBasedStatement"]
        for name, rule in rules(front(FULL)).items()
        if "RateBasedStatement" in rule["Statement"]
    }
    reader, address = rates["TooManyFromAReader"], rates["TooManyFromAnAddress"]

    assert reader["Limit"] == address["Limit"] == FULL.api.waf_requests_per_5_minutes
    assert reader["ForwardedIPConfig"]["HeaderName"] == "X-Forwarded-For"
    assert "ByteMatchStatement" in reader["ScopeDownStatement"]
    assert "NotStatement" in address["ScopeDownStatement"]


def test_nobody_asks_for_ever_by_inventing_readers() -> None:
    edge = rules(front(FULL))["TooManyFromAnEdge"]["Statement"]["RateBasedStatement"]

    assert edge["AggregateKeyType"] == "IP"
    assert "ScopeDownStatement" not in edge
    assert edge["Limit"] <= 20 * FULL.api.waf_requests_per_5_minutes


def test_who_asks_too_often_is_told_so_and_not_that_the_key_is_no_good() -> None:
    acl = front(FULL).only(FIREWALL)

    for name in ("TooManyFromAReader", "TooManyFromAnAddress", "TooManyFromAnEdge"):
        response = rules(front(FULL))[name]["Action"]["Block"]["CustomResponse"]
        body = json.loads(acl["CustomResponseBodies"][response["CustomResponseBodyKey"]]["Content"])
        assert response["ResponseCode"] == body["status"] == 429


def test_the_firewall_lets_pictures_through_and_refuses_the_rest_of_what_it_knows() -> None:
    group = rules(front(FULL))["CommonRuleSet"]["Statement"]["ManagedRuleGroupStatement"]
    counted = {one["Name"]: one["ActionToUse"] for one in group["RuleActionOverrides"]}

    assert {"SizeRestrictions_BODY", "CrossSiteScripting_BODY"} <= counted.keys()
    assert all(action == {"Count": {}} for action in counted.values())
    assert {"KnownBadInputsRuleSet", "AmazonIpReputationList"} <= rules(front(FULL)).keys()


def test_samples_of_requests_that_the_firewall_keeps_hold_no_key() -> None:
    (protection,) = front(FULL).only(FIREWALL)["DataProtectionConfig"]["DataProtections"]

    assert "x-api-key" in protection["Field"]["FieldKeys"]
