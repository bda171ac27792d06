"""The firewall in front of the API, where an environment has one."""

import json

from aws_cdk import aws_wafv2 as waf
from constructs import Construct

from infra.environment import Environment

Acl = waf.CfnWebACL

# A picture is larger than 8 KB, and its bytes, or what a camera writes into them, look like
# anything at all. Nothing of a body is ever read as SQL, HTML, a path or an address.
COUNTED_IN_BODIES = (
    "SizeRestrictions_BODY",
    "CrossSiteScripting_BODY",
    "GenericLFI_BODY",
    "GenericRFI_BODY",
    "EC2MetaDataSSRF_BODY",
)
# A cursor has up to 2 KB, and folders and tags have whatever names people give them.
COUNTED_IN_QUERIES = ("SizeRestrictions_QUERYSTRING", "RestrictedExtensions_QUERYARGUMENTS")
# One address of CloudFront speaks for many readers. It also bounds those who pretend to be many:
# the first address in X-Forwarded-For is the client's own word.
READERS_BEHIND_AN_ADDRESS = 20
WINDOW_SECONDS = 300
# 403 would tell the page that its key is no good.
TOO_MANY = "too-many"
TOO_MANY_STATUS = 429
TOO_MANY_PROBLEM = {
    "type": "urn:lookalike:errors:too-many-requests",
    "title": "Too many requests",
    "status": TOO_MANY_STATUS,
    "detail": "Too many requests within five minutes; wait for a few.",
}


class Firewall(Construct):
    """Known attackers and attacks out, and a limit for each reader.

    A request through CloudFront is counted for the reader that it names, any other for the address
    that it comes from. Costs are for the ACL, its rules and requests; see docs/costs.md.
    """

    def __init__(
        self, scope: Construct, id: str, *, environment: Environment, stage_arn: str
    ) -> None:
        super().__init__(scope, id)
        limit = environment.api.waf_requests_per_5_minutes
        rules = [
            _managed("AmazonIpReputationList"),
            _rate("TooManyFromAReader", limit, only=_through_cloudfront(), forwarded=True),
            _rate("TooManyFromAnAddress", limit, only=_not(_through_cloudfront())),
            _rate("TooManyFromAnEdge", limit * READERS_BEHIND_AN_ADDRESS),
            _managed("KnownBadInputsRuleSet"),
            _managed("CommonRuleSet", counted=(*COUNTED_IN_BODIES, *COUNTED_IN_QUERIES)),
        ]
        for priority, rule in enumerate(rules):
            rule["priority"] = priority
        self.acl = Acl(
            self,
            "Acl",
            scope="REGIONAL",
            description=f"Lookalike {environment.name}: the API.",
            default_action=Acl.DefaultActionProperty(allow={}),
            rules=[Acl.RuleProperty(**rule) for rule in rules],
            custom_response_bodies={
                TOO_MANY: Acl.CustomResponseBodyProperty(
                    content=json.dumps(TOO_MANY_PROBLEM), content_type="APPLICATION_JSON"
                )
            },
            visibility_config=_visible("Firewall"),
            data_protection_config=_without_keys(),
        )
        self.association = waf.CfnWebACLAssociation(
            self, "OfStage", resource_arn=stage_arn, web_acl_arn=self.acl.attr_arn
        )


def _managed(name: str, counted: tuple[str, ...] = ()) -> dict[str, object]:
    """A rule group of AWS's own. counted: rules of it that only count."""
    only_count = Acl.RuleActionProperty(count={})
    group = Acl.ManagedRuleGroupStatementProperty(
        vendor_name="AWS",
        name=f"AWSManagedRules{name}",
        rule_action_overrides=[
            Acl.RuleActionOverrideProperty(name=rule, action_to_use=only_count) for rule in counted
        ]
        or None,
    )
    return {
        "name": name,
        "override_action": Acl.OverrideActionProperty(none={}),
        "statement": Acl.StatementProperty(managed_rule_group_statement=group),
        "visibility_config": _visible(name),
    }


def _rate(
    name: str, limit: int, *, only: Acl.StatementProperty | None = None, forwarded: bool = False
) -> dict[str, object]:
    """Refuse who asks more than `limit` times in five minutes, for as long as that is so."""
    refusal = Acl.CustomResponseProperty(
        response_code=TOO_MANY_STATUS, custom_response_body_key=TOO_MANY
    )
    header = Acl.ForwardedIPConfigurationProperty(
        header_name="X-Forwarded-For", fallback_behavior="NO_MATCH"
    )
    rate = Acl.RateBasedStatementProperty(
        limit=limit,
        evaluation_window_sec=WINDOW_SECONDS,
        aggregate_key_type="FORWARDED_IP" if forwarded else "IP",
        forwarded_ip_config=header if forwarded else None,
        scope_down_statement=only,
    )
    return {
        "name": name,
        "action": Acl.RuleActionProperty(block=Acl.BlockActionProperty(custom_response=refusal)),
        "statement": Acl.StatementProperty(rate_based_statement=rate),
        "visibility_config": _visible(name),
    }


def _through_cloudfront() -> Acl.StatementProperty:
    match = Acl.ByteMatchStatementProperty(
        field_to_match=Acl.FieldToMatchProperty(single_header={"Name": "via"}),
        positional_constraint="CONTAINS",
        search_string="(CloudFront)",
        text_transformations=[Acl.TextTransformationProperty(priority=0, type="NONE")],
    )
    return Acl.StatementProperty(byte_match_statement=match)


def _not(statement: Acl.StatementProperty) -> Acl.StatementProperty:
    return Acl.StatementProperty(not_statement=Acl.NotStatementProperty(statement=statement))


def _visible(name: str) -> Acl.VisibilityConfigProperty:
    return Acl.VisibilityConfigProperty(
        cloud_watch_metrics_enabled=True, metric_name=name, sampled_requests_enabled=True
    )


def _without_keys() -> Acl.DataProtectionConfigProperty:
    """Requests that are kept as samples hold no key and no signature."""
    secrets = Acl.FieldToProtectProperty(
        field_type="SINGLE_HEADER", field_keys=["x-api-key", "authorization"]
    )
    protected = Acl.DataProtectProperty(action="SUBSTITUTION", field=secrets)
    return Acl.DataProtectionConfigProperty(data_protections=[protected])
