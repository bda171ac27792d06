"""The HTTP API in front of the functions."""

import json
from typing import Literal, NamedTuple

import aws_cdk as cdk
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra import refusals
from infra.environment import Environment
from infra.waf import Firewall

STAGE = "live"
TIMEOUT_SECONDS = 29  # API Gateway's own limit, unless an account has asked for more
COMPRESSED_FROM_BYTES = 1024
PREFLIGHT_HOURS = 2  # as long as a browser remembers one, at most
# Exactly what may be searched with: API Gateway knows no image/*, and hands every other type on as
# text. One that is not listed arrives broken, and is refused as no picture.
PICTURES = tuple(f"image/{kind}" for kind in ("jpeg", "png", "webp", "gif", "bmp", "tiff", "avif"))
# What a page may send, and the headers of a signature.
HEADERS = (
    "Authorization",
    "Content-Type",
    "X-Amz-Content-Sha256",
    "X-Amz-Date",
    "X-Amz-Security-Token",
    "X-Api-Key",
)

Auth = Literal["none", "api_key", "iam", "off"]


class Route(NamedTuple):
    """entry: who is let in. By the environment's api.auth or api.uploads; or whoever signs as an
    IAM principal that may; or everybody, since what is sent holds a signed token."""

    method: str
    path: str
    function: str
    entry: Literal["auth", "uploads", "signed", "open"] = "auth"


ROUTES = (
    Route("GET", "/v1/images", "catalogue"),
    Route("GET", "/v1/images/{image_id}", "catalogue"),
    Route("PATCH", "/v1/images/{image_id}", "catalogue", "signed"),
    Route("DELETE", "/v1/images/{image_id}", "catalogue", "signed"),
    Route("GET", "/v1/images/{image_id}/similar", "search"),
    Route("POST", "/v1/search", "search"),
    Route("POST", "/v1/uploads", "catalogue", "uploads"),
    Route("POST", "/v1/interactions", "interactions", "open"),
    Route("GET", "/v1/metrics", "metrics"),
    Route("GET", "/v1/health", "catalogue"),
)


def auth_of(route: Route, environment: Environment) -> Auth:
    if route.entry == "auth":
        return environment.api.auth
    if route.entry == "uploads":
        return environment.api.uploads
    return "iam" if route.entry == "signed" else "none"


class Api(Construct):
    """The REST API. Its routes come later, by `serve`: the functions are told where the page is,
    and the page where the API is.

    A body has 10 MB at most, and 6 MB once a picture in it is base64: 4.5 MB of picture. Requests
    are validated by the functions alone, with one answer for laptop and cloud.
    """

    def __init__(self, scope: Construct, id: str, *, environment: Environment) -> None:
        super().__init__(scope, id)
        self.environment = environment
        self.rest_api = apigateway.RestApi(
            self,
            "Rest",
            rest_api_name=f"lookalike-{environment.name}",
            description=f"Lookalike {environment.name}: visual similarity search.",
            endpoint_types=[apigateway.EndpointType.REGIONAL],
            binary_media_types=list(PICTURES),
            min_compression_size=cdk.Size.bytes(COMPRESSED_FROM_BYTES),
            **_account_log_role(environment.api.account_log_role),
            deploy_options=self._stage(),
        )
        self.rest_api.node.try_remove_child("Endpoint")  # an output that says what ApiUrl says
        self._log_execution()
        refusals.answer(self.rest_api, to_other_origins=bool(environment.api.origins))
        self.key = self._plan()
        if environment.api.domain:
            self._name()
        if environment.api.waf:
            stage = self.rest_api.deployment_stage
            Firewall(self, "Firewall", environment=environment, stage_arn=stage.stage_arn)

    @property
    def host(self) -> str:
        """Where the API is without a domain of its own; its paths begin with the stage's name."""
        return f"{self.rest_api.rest_api_id}.execute-api.{cdk.Aws.REGION}.{cdk.Aws.URL_SUFFIX}"

    @property
    def url(self) -> str:
        """Without a slash at its end; routes begin with /v1."""
        domain = self.environment.api.domain
        return f"https://{domain}" if domain else f"https://{self.host}/{STAGE}"

    @property
    def key_id(self) -> str:
        """Of the environment's key. The key itself is nowhere in the stack."""
        return self.key.key_id

    def arn_of(self, path: str) -> str:
        """For permission to GET a path; one that is signed for may hold a `*`."""
        return self.rest_api.arn_for_execute_api("GET", path, STAGE)

    def serve(self, **aliases: lambda_.Alias) -> None:
        """aliases: by the names of the functions."""
        integrations = {
            name: apigateway.LambdaIntegration(
                alias,
                timeout=cdk.Duration.seconds(TIMEOUT_SECONDS),
                # One permission for each function, not one for each route: a policy has 20 KB.
                scope_permission_to_method=False,
            )
            for name, alias in aliases.items()
        }
        for route in ROUTES:
            auth = auth_of(route, self.environment)
            if auth == "off":
                continue
            types = apigateway.AuthorizationType
            self.rest_api.root.resource_for_path(route.path).add_method(
                route.method,
                integrations[route.function],
                api_key_required=auth == "api_key",
                authorization_type=types.IAM if auth == "iam" else types.NONE,
            )
        if self.environment.api.origins:
            self._let_browsers_ask()

    def _let_browsers_ask(self) -> None:
        """Answer preflights of the named origins, and of no other, without asking a function."""
        methods: dict[str, list[str]] = {}
        for route in ROUTES:
            if auth_of(route, self.environment) != "off":
                methods.setdefault(route.path, []).append(route.method)
        for path, allowed in methods.items():
            self.rest_api.root.resource_for_path(path).add_cors_preflight(
                allow_origins=list(self.environment.api.origins),
                allow_methods=allowed,
                allow_headers=list(HEADERS),
                max_age=cdk.Duration.hours(PREFLIGHT_HOURS),
            )

    def _stage(self) -> apigateway.StageOptions:
        """Throttled for all callers together, too: signed and open routes count for no key."""
        api = self.environment.api
        accesses = self._log_group("Accesses", f"/lookalike/{self.environment.name}/api")
        return apigateway.StageOptions(
            stage_name=STAGE,
            throttling_rate_limit=api.requests_per_second,
            throttling_burst_limit=api.burst,
            tracing_enabled=True,
            logging_level=apigateway.MethodLoggingLevel.ERROR,
            data_trace_enabled=False,  # it would write keys and bodies
            access_log_destination=apigateway.LogGroupLogDestination(accesses),
            access_log_format=apigateway.AccessLogFormat.custom(json.dumps(ACCESS)),
        )

    def _log_execution(self) -> None:
        """API Gateway would make this group by itself, and keep it for ever."""
        name = f"API-Gateway-Execution-Logs_{self.rest_api.rest_api_id}/{STAGE}"
        group = self._log_group("Errors", name)
        self.rest_api.deployment_stage.node.add_dependency(group)

    def _log_group(self, id: str, name: str) -> logs.LogGroup:
        kept = self.environment.protected
        group = logs.LogGroup(
            self,
            id,
            log_group_name=name,
            removal_policy=cdk.RemovalPolicy.RETAIN if kept else cdk.RemovalPolicy.DESTROY,
        )
        group.node.default_child.retention_in_days = self.environment.retention.logs
        return group

    def _plan(self) -> apigateway.ApiKey:
        api = self.environment.api
        key = apigateway.ApiKey(self, "Key", description=f"Lookalike {self.environment.name}.")
        plan = self.rest_api.add_usage_plan(
            "Plan",
            description=f"Lookalike {self.environment.name}: what one key may ask.",
            throttle=apigateway.ThrottleSettings(
                rate_limit=api.requests_per_second, burst_limit=api.burst
            ),
            quota=apigateway.QuotaSettings(
                limit=api.requests_per_month, period=apigateway.Period.MONTH
            ),
            api_stages=[apigateway.UsagePlanPerApiStage(stage=self.rest_api.deployment_stage)],
        )
        plan.add_api_key(key)
        return key

    def _name(self) -> None:
        """A domain of one's own. ApiDomainTarget is what its DNS record is to point to."""
        api = self.environment.api
        domain = self.rest_api.add_domain_name(
            "Domain",
            domain_name=api.domain,
            certificate=acm.Certificate.from_certificate_arn(
                self, "Certificate", api.certificate_arn
            ),
            endpoint_type=apigateway.EndpointType.REGIONAL,
            security_policy=apigateway.SecurityPolicy.TLS_1_2,
        )
        target = domain.domain_name_alias_domain_name
        cdk.CfnOutput(cdk.Stack.of(self), "ApiDomainTarget", value=target)


def _account_log_role(ours: bool) -> dict[str, object]:
    """Kept when the stack is deleted: other APIs of the account may have come to rely on it."""
    if not ours:
        return {"cloud_watch_role": False}
    return {"cloud_watch_role": True, "cloud_watch_role_removal_policy": cdk.RemovalPolicy.RETAIN}


# A line for each request: no key, no query string, no address, no name of an image. key_id is API
# Gateway's name of a key; caller says who edited or deleted.
ACCESS = {
    "request_id": "$context.requestId",
    "trace_id": "$context.xrayTraceId",
    "time": "$context.requestTimeEpoch",
    "method": "$context.httpMethod",
    "route": "$context.resourcePath",
    "status": "$context.status",
    "refusal": "$context.error.responseType",
    "ms": "$context.responseLatency",
    "function_ms": "$context.integrationLatency",
    "function_status": "$context.integrationStatus",
    "bytes": "$context.responseLength",
    "key_id": "$context.identity.apiKeyId",
    "caller": "$context.identity.userArn",
    "firewall": "$context.wafResponseCode",
}
