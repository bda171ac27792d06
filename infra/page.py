"""The page for people and the thumbnails: CloudFront in front of two buckets and the API."""

from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudfront_origins as origins
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_deployment as s3_deployment
from constructs import Construct

from infra import page_headers, visits
from infra.api import STAGE, TIMEOUT_SECONDS, Api
from infra.environment import Environment
from infra.storage import Storage

WEB = Path(__file__).parent.parent / "web"
TLS = cloudfront.SecurityPolicyProtocol.TLS_V1_2_2021
POLITE = cloudfront.ViewerProtocolPolicy.REDIRECT_TO_HTTPS
STRICT = cloudfront.ViewerProtocolPolicy.HTTPS_ONLY  # a redirect would not say that a key leaked
YEAR = 31_536_000  # seconds
# Files have no version in their names, and modules of two versions do not fit together: so a
# browser asks each time whether one changed, and an edge knows until a deployment tells it.
FILES_CACHED = f"public, max-age=0, s-maxage={86_400}, must-revalidate"
# A thumbnail's address changes with its picture, so who has seen one may keep it. An edge may not:
# a day after a picture is deleted nobody else is shown it.
THUMBNAIL_AT_EDGES = cdk.Duration.days(1)
# An answer without a picture, or an address without a version, is not to be kept.
KEEP_THUMBNAILS = f"""\
function handler(event) {{
  var response = event.response;
  var keep = response.statusCode < 400 && event.request.querystring.v;
  response.headers['cache-control'] = {{
    value: keep ? 'public, max-age={YEAR}, immutable' : 'no-cache'
  }};
  return response;
}}
"""


class Page(Construct):
    """Files, thumbnails and API below one address, so that the page asks no other origin but S3.

    Missing files are answered by S3 itself, 403: error pages of CloudFront would also replace what
    the API answers. Whoever signs requests (AWS_IAM) asks the API directly, since a signature holds
    the host's name.
    """

    def __init__(
        self, scope: Construct, id: str, *, environment: Environment, storage: Storage, api: Api
    ) -> None:
        super().__init__(scope, id)
        self.environment = environment
        self._headers = page_headers.policy(self, self._global_name("page"), environment)
        self._access = cloudfront.S3OriginAccessControl(
            self,
            "Access",
            origin_access_control_name=self._global_name("buckets"),
            signing=cloudfront.Signing.SIGV4_ALWAYS,
        )
        page = environment.page
        self.distribution = cloudfront.Distribution(
            self,
            "Distribution",
            comment=f"Lookalike {environment.name}",
            default_root_object="index.html",
            default_behavior=self._files(storage.page),
            additional_behaviors={
                "/thumbnails/*": self._thumbnails(storage.derived),
                "/v1/*": self._api(api),
            },
            domain_names=[page.domain] if page.domain else None,
            certificate=self._certificate(),
            minimum_protocol_version=TLS if page.domain else None,  # CloudFront's own has no choice
            http_version=cloudfront.HttpVersion.HTTP2_AND_3,
            price_class=cloudfront.PriceClass.PRICE_CLASS_100,  # the cheapest edges
        )
        self._let_read(storage.page, "*")
        self._let_read(storage.derived, "thumbnails/*")  # and not rejects/*
        visits.log(self, self.distribution, storage.logs, environment)
        self._publish(storage.page)
        if page.domain:
            target = self.distribution.distribution_domain_name
            cdk.CfnOutput(cdk.Stack.of(self), "PageDomainTarget", value=target)

    @property
    def url(self) -> str:
        """https://… without a slash at its end."""
        domain = self.environment.page.domain
        return f"https://{domain or self.distribution.distribution_domain_name}"

    def _files(self, bucket: s3.Bucket) -> cloudfront.BehaviorOptions:
        return self._behavior(
            self._origin(bucket), cache_policy=cloudfront.CachePolicy.CACHING_OPTIMIZED
        )

    def _thumbnails(self, bucket: s3.Bucket) -> cloudfront.BehaviorOptions:
        cache = cloudfront.CachePolicy(
            self,
            "ByVersion",
            comment="Thumbnails, each version for itself.",
            query_string_behavior=cloudfront.CacheQueryStringBehavior.allow_list("v"),
            min_ttl=cdk.Duration.seconds(0),
            default_ttl=THUMBNAIL_AT_EDGES,
            max_ttl=THUMBNAIL_AT_EDGES,
        )
        keep = cloudfront.Function(
            self,
            "KeepThumbnails",
            code=cloudfront.FunctionCode.from_inline(KEEP_THUMBNAILS),
            runtime=cloudfront.FunctionRuntime.JS_2_0,
            comment="How long a browser keeps a thumbnail.",
        )
        return self._behavior(
            self._origin(bucket),
            cache_policy=cache,
            compress=False,  # WebP is
            function_associations=[
                cloudfront.FunctionAssociation(
                    function=keep, event_type=cloudfront.FunctionEventType.VIEWER_RESPONSE
                )
            ],
        )

    def _api(self, api: Api) -> cloudfront.BehaviorOptions:
        origin = origins.HttpOrigin(
            api.host,
            origin_path=f"/{STAGE}",
            protocol_policy=cloudfront.OriginProtocolPolicy.HTTPS_ONLY,
            origin_ssl_protocols=[cloudfront.OriginSslPolicy.TLS_V1_2],
            read_timeout=cdk.Duration.seconds(TIMEOUT_SECONDS + 1),  # so that the API answers first
            keepalive_timeout=cdk.Duration.seconds(60),
        )
        return self._behavior(
            origin,
            viewer_protocol_policy=STRICT,
            allowed_methods=cloudfront.AllowedMethods.ALLOW_ALL,
            cache_policy=cloudfront.CachePolicy.CACHING_DISABLED,
            origin_request_policy=cloudfront.OriginRequestPolicy.ALL_VIEWER_EXCEPT_HOST_HEADER,
            compress=False,  # API Gateway does
        )

    def _behavior(
        self, origin: cloudfront.IOrigin, **options: object
    ) -> cloudfront.BehaviorOptions:
        return cloudfront.BehaviorOptions(
            origin=origin,
            response_headers_policy=self._headers,
            **{"viewer_protocol_policy": POLITE, **options},
        )

    def _origin(self, bucket: s3.Bucket) -> cloudfront.IOrigin:
        """Access is given by `_let_read`: CDK's own way opens a whole bucket."""
        return origins.S3BucketOrigin.with_bucket_defaults(
            bucket, origin_access_control_id=self._access.origin_access_control_id
        )

    def _let_read(self, bucket: s3.Bucket, keys: str) -> None:
        bucket.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal("cloudfront.amazonaws.com")],
                actions=["s3:GetObject"],
                resources=[bucket.arn_for_objects(keys)],
                conditions={"StringEquals": {"AWS:SourceArn": self.distribution.distribution_arn}},
            )
        )

    def _publish(self, bucket: s3.Bucket) -> None:
        """CloudFormation cannot write into a bucket: a function of CDK's own does."""
        api = self.environment.api
        config = {
            "api": "/v1",
            "api_key": api.auth == "api_key",
            "edits": False,  # only with a signature, which no page can make
            "uploads": api.uploads == "api_key",
        }
        log_group = logs.LogGroup(
            self,
            "PublishingLogs",
            log_group_name=f"/lookalike/{self.environment.name}/publishing",
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        log_group.node.default_child.retention_in_days = self.environment.retention.logs
        s3_deployment.BucketDeployment(
            self,
            "Publishing",
            destination_bucket=bucket,
            sources=[
                s3_deployment.Source.asset(str(WEB)),
                s3_deployment.Source.json_data("config.json", config),
            ],
            cache_control=[s3_deployment.CacheControl.from_string(FILES_CACHED)],
            distribution=self.distribution,
            distribution_paths=["/*"],
            memory_limit=256,
            log_group=log_group,
        )

    def _certificate(self) -> acm.ICertificate | None:
        arn = self.environment.page.certificate_arn
        return acm.Certificate.from_certificate_arn(self, "Certificate", arn) if arn else None

    def _global_name(self, what: str) -> str:
        """CloudFront's names know no region, and the same environment may be in two."""
        return f"lookalike-{self.environment.name}-{what}-{cdk.Aws.REGION}"
