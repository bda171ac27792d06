"""The buckets: pictures, what is derived from them, models, interactions, the page, access logs."""

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.environment import Environment

UNFINISHED_UPLOAD_DAYS = 7
OLD_MODEL_STATE_DAYS = 90  # how far back serving.json, or a model, can be restored
TRAINING_DAYS = 30  # what a training job leaves beside the model itself


def bucket_name(environment: Environment, what: str) -> str:
    """Known before anything exists, so that policies can name a bucket without referring to it."""
    return f"lookalike-{environment.name}-{what}-{cdk.Aws.ACCOUNT_ID}-{cdk.Aws.REGION}"


def bucket_arn(environment: Environment, what: str) -> str:
    return f"arn:{cdk.Aws.PARTITION}:s3:::{bucket_name(environment, what)}"


class Storage(Construct):
    """Every bucket: encrypted, TLS only, closed to the public, its accesses logged.

    images is the truth: versioned, so that a mistake can be undone. Everything in derived, and the
    index, can be made from it again.
    """

    def __init__(self, scope: Construct, id: str, *, environment: Environment) -> None:
        super().__init__(scope, id)
        self.environment = environment
        retention = environment.retention
        self.logs = self._bucket(
            "logs", lifecycle_rules=[_expire("access-logs", retention.access_logs)]
        )
        self.images = self._bucket(
            "images",
            logged=True,
            versioned=True,
            cors=[_presigned_uploads()],
            lifecycle_rules=[_old_versions(retention.old_images)],
        )
        self.derived = self._bucket("derived", logged=True)
        self.models = self._bucket(
            "models",
            logged=True,
            versioned=True,
            lifecycle_rules=[
                _old_versions(OLD_MODEL_STATE_DAYS),
                _expire("training", TRAINING_DAYS, prefix="training/"),
            ],
        )
        self.page = self._bucket("page", logged=True)
        self.key = kms.Key(
            self,
            "Key",
            description=f"Lookalike {environment.name}: who looked at what.",
            enable_key_rotation=True,
            removal_policy=self._removal,
        )
        self.interactions = self._bucket(
            "interactions",
            logged=True,
            encryption=s3.BucketEncryption.KMS,
            encryption_key=self.key,
            bucket_key_enabled=True,
            lifecycle_rules=[_expire("interactions", retention.interactions)],
        )

    @property
    def _removal(self) -> cdk.RemovalPolicy:
        kept = self.environment.protected
        return cdk.RemovalPolicy.RETAIN if kept else cdk.RemovalPolicy.DESTROY

    def _bucket(
        self,
        what: str,
        *,
        logged: bool = False,
        encryption: s3.BucketEncryption = s3.BucketEncryption.S3_MANAGED,
        lifecycle_rules: list[s3.LifecycleRule] | None = None,
        **options: object,
    ) -> s3.Bucket:
        tidy = s3.LifecycleRule(
            id="unfinished-uploads",
            abort_incomplete_multipart_upload_after=cdk.Duration.days(UNFINISHED_UPLOAD_DAYS),
        )
        return s3.Bucket(
            self,
            what.capitalize(),
            bucket_name=bucket_name(self.environment, what),
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            encryption=encryption,
            server_access_logs_bucket=self.logs if logged else None,
            server_access_logs_prefix=f"s3/{what}/" if logged else None,
            lifecycle_rules=[tidy, *(lifecycle_rules or [])],
            removal_policy=self._removal,
            auto_delete_objects=not self.environment.protected,
            **options,
        )


def _presigned_uploads() -> s3.CorsRule:
    """A form from any page: what lets it in is its signature, not where it comes from."""
    return s3.CorsRule(
        allowed_methods=[s3.HttpMethods.POST],
        allowed_origins=["*"],
        allowed_headers=["*"],
        max_age=3600,
    )


def _old_versions(days: int) -> s3.LifecycleRule:
    return s3.LifecycleRule(
        id="old-versions",
        noncurrent_version_expiration=cdk.Duration.days(days),
        expired_object_delete_marker=True,
    )


def _expire(id: str, days: int, prefix: str | None = None) -> s3.LifecycleRule:
    return s3.LifecycleRule(id=id, expiration=cdk.Duration.days(days), prefix=prefix)
