"""Who may do what: every permission of ours is given here, by action and resource.

CDK's own grants allow whole families of actions (s3:GetObject*, s3:List*, …); these do not.
"""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs

from infra.environment import Environment
from infra.storage import Storage

# The keys of lookalike.models.
SERVING = "serving.json"
MODEL_FILES = ("*/model.onnx", "*/card.json")


# The ARN of a bucket names no account, and a name that is free again may be taken by anybody.
IN_OUR_ACCOUNT = {"StringEquals": {"s3:ResourceAccount": cdk.Aws.ACCOUNT_ID}}


def allow(who: iam.IGrantable, actions: list[str], *resources: str) -> None:
    """resources: ARNs. Actions of S3 come by themselves: they hold in our own account only."""
    conditions = IN_OUR_ACCOUNT if actions[0].startswith("s3:") else None
    who.grant_principal.add_to_principal_policy(
        iam.PolicyStatement(actions=actions, resources=list(resources), conditions=conditions)
    )


def read(who: iam.IGrantable, bucket: s3.IBucket, keys: str = "*") -> None:
    """Objects, and the right to be told that one is absent: without it S3 answers 403 for 404."""
    allow(who, ["s3:GetObject"], bucket.arn_for_objects(keys))
    list_keys(who, bucket)


def read_models(who: iam.IGrantable, models: s3.IBucket) -> None:
    """Which model serves, and the files of any: not what training leaves beside them."""
    for keys in (SERVING, *MODEL_FILES):
        allow(who, ["s3:GetObject"], models.arn_for_objects(keys))
    list_keys(who, models)


def write_models(who: iam.IGrantable, models: s3.IBucket) -> None:
    """Add a model, and say which one serves."""
    for keys in (SERVING, *MODEL_FILES):
        write(who, models, keys)


def list_keys(who: iam.IGrantable, bucket: s3.IBucket) -> None:
    allow(who, ["s3:ListBucket"], bucket.bucket_arn)


def write(who: iam.IGrantable, bucket: s3.IBucket, keys: str = "*") -> None:
    allow(who, ["s3:PutObject"], bucket.arn_for_objects(keys))


def delete(who: iam.IGrantable, bucket: s3.IBucket, keys: str = "*") -> None:
    allow(who, ["s3:DeleteObject"], bucket.arn_for_objects(keys))


def use_key(who: iam.IGrantable, key: kms.IKey, *, to_write: bool = False) -> None:
    actions = ["kms:Decrypt", *(["kms:GenerateDataKey"] if to_write else [])]
    allow(who, actions, key.key_arn)


def read_secret(who: iam.IGrantable, name: str) -> None:
    """name: of a secret that somebody made by hand; its ARN ends in six characters of AWS's own."""
    here = f"arn:{cdk.Aws.PARTITION}:secretsmanager:{cdk.Aws.REGION}:{cdk.Aws.ACCOUNT_ID}"
    allow(who, ["secretsmanager:GetSecretValue"], f"{here}:secret:{name}-??????")


def send(who: iam.IGrantable, queue: sqs.IQueue) -> None:
    allow(who, ["sqs:SendMessage"], queue.queue_arn)


def follow(who: iam.IGrantable, environment: Environment, storage: Storage) -> None:
    """What it takes to make the index agree with the image bucket: for embed, and for a backfill.

    Nobody else writes points.
    """
    read(who, storage.images)
    read_models(who, storage.models)
    for keys in ("thumbnails/*", "rejects/*"):
        read(who, storage.derived, keys)
        write(who, storage.derived, keys)
        delete(who, storage.derived, keys)
    read_secret(who, environment.qdrant.secret)
    if environment.ingest.moderation != "off":
        _moderate(who)


def _moderate(who: iam.IGrantable) -> None:
    """Ask Rekognition about bytes that are sent along: there is no resource to name."""
    allow(who, ["rekognition:DetectModerationLabels"], "*")
