"""What a browser is told with every answer of the page: what it may load, and from where."""

import aws_cdk as cdk
from aws_cdk import aws_cloudfront as cloudfront
from constructs import Construct

from infra.environment import Environment
from infra.storage import bucket_name

HTTPS_ONLY_DAYS = 365
UNUSED = ("browsing-topics", "camera", "geolocation", "microphone", "payment")


def policy(
    scope: Construct, name: str, environment: Environment
) -> cloudfront.ResponseHeadersPolicy:
    """Files, thumbnails and the API's answers alike: nothing here harms an answer in JSON."""
    return cloudfront.ResponseHeadersPolicy(
        scope,
        "Headers",
        response_headers_policy_name=name,
        security_headers_behavior=cloudfront.ResponseSecurityHeadersBehavior(
            content_security_policy=cloudfront.ResponseHeadersContentSecurityPolicy(
                content_security_policy=content_security_policy(environment), override=True
            ),
            content_type_options=cloudfront.ResponseHeadersContentTypeOptions(override=True),
            frame_options=cloudfront.ResponseHeadersFrameOptions(
                frame_option=cloudfront.HeadersFrameOption.DENY, override=True
            ),
            referrer_policy=cloudfront.ResponseHeadersReferrerPolicy(
                referrer_policy=cloudfront.HeadersReferrerPolicy.NO_REFERRER, override=True
            ),
            strict_transport_security=cloudfront.ResponseHeadersStrictTransportSecurity(
                access_control_max_age=cdk.Duration.days(HTTPS_ONLY_DAYS), override=True
            ),
        ),
        custom_headers_behavior=cloudfront.ResponseCustomHeadersBehavior(
            custom_headers=[
                _custom("Permissions-Policy", ", ".join(f"{name}=()" for name in UNUSED)),
                _custom("Cross-Origin-Opener-Policy", "same-origin"),
            ]
        ),
    )


def content_security_policy(environment: Environment) -> str:
    """As the laptop's, and the bucket that originals come from and uploads go to."""
    bucket = bucket_name(environment, "images")
    pictures = f"https://{bucket}.s3.{cdk.Aws.REGION}.{cdk.Aws.URL_SUFFIX}"
    return "; ".join(
        [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            f"img-src 'self' blob: data: {pictures}",
            f"connect-src 'self' {pictures}",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        ]
    )


def _custom(header: str, value: str) -> cloudfront.ResponseCustomHeader:
    return cloudfront.ResponseCustomHeader(header=header, value=value, override=True)
