"""Who may do what while the encoder learns: the jobs in SageMaker, the machine, its schedule."""

from typing import TYPE_CHECKING

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_

from infra.permissions import allow, delete, list_keys, read, use_key, write
from infra.storage import Storage

if TYPE_CHECKING:
    from infra.learning import Learning

JOBS = {"training": "TrainingJob", "processing": "ProcessingJob"}
NO_RESOURCE = "*"  # for actions that know none


def arn(service: str, rest: str) -> str:
    """Of something in this account and region."""
    here = f"{cdk.Aws.REGION}:{cdk.Aws.ACCOUNT_ID}"
    return f"arn:{cdk.Aws.PARTITION}:{service}:{here}:{rest}"


def trainer(learning: "Learning", storage: Storage) -> iam.Role:
    """The jobs in SageMaker: they read, and write below training/.

    What makes a model serve is not theirs: the learning function registers what they made.
    """
    role = _role(learning, "Trainer", "sagemaker", "dataset, training and gate")
    read(role, storage.images)
    read(role, storage.interactions)
    use_key(role, storage.key)
    models = storage.models
    list_keys(role, models)
    kept = ("*/model.onnx", "*/card.json", "gold/*", "training/*")
    allow(role, ["s3:GetObject"], *(models.arn_for_objects(keys) for keys in kept))
    write(role, models, "training/*")
    delete(role, models, "training/*/checkpoints/*")  # SageMaker mirrors the local folder
    allow(
        role,
        [
            "logs:CreateLogGroup",
            "logs:CreateLogStream",
            "logs:DescribeLogStreams",
            "logs:PutLogEvents",
        ],
        *(arn("logs", f"log-group:/aws/sagemaker/{job}s*") for job in JOBS.values()),
    )
    role.add_to_policy(
        iam.PolicyStatement(
            actions=["cloudwatch:PutMetricData"],
            resources=[NO_RESOURCE],
            conditions={"StringLike": {"cloudwatch:namespace": "/aws/sagemaker/*"}},
        )
    )
    _let_pull(role, learning)
    return role


def conductor(learning: "Learning", storage: Storage, function: lambda_.Function) -> iam.Role:
    """The machine. Models and points are touched by the function alone."""
    role = _role(learning, "Role", "states", "the learning machine")
    allow(role, ["lambda:InvokeFunction"], function.function_arn)
    allow(role, ["sns:Publish"], learning.topic.topic_arn)
    _let_run_jobs(role, learning)
    _let_fill(role, learning, storage)
    _let_be_watched(role)
    return role


def starter(learning: "Learning") -> iam.Role:
    """The schedule."""
    role = _role(learning, "Starter", "scheduler", "starts a retraining")
    allow(role, ["states:StartExecution"], learning.machine_arn)
    return role


def _role(learning: "Learning", id: str, service: str, what: str) -> iam.Role:
    return iam.Role(
        learning,
        id,
        assumed_by=iam.ServicePrincipal(
            f"{service}.amazonaws.com",
            conditions={"StringEquals": {"aws:SourceAccount": cdk.Aws.ACCOUNT_ID}},
        ),
        description=f"Lookalike {learning.environment.name}: {what}.",
    )


def _let_pull(role: iam.Role, learning: "Learning") -> None:
    pulls = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    allow(role, pulls, learning.image.repository.repository_arn)
    allow(role, ["ecr:GetAuthorizationToken"], NO_RESOURCE)


def _let_run_jobs(role: iam.Role, learning: "Learning") -> None:
    """Jobs of this environment's names, as the trainer; .sync hears of their end by a rule."""
    for kind, job in JOBS.items():
        actions = [f"sagemaker:{verb}{job}" for verb in ("Create", "Describe", "Stop")]
        tags = ["sagemaker:AddTags", "sagemaker:ListTags"]  # .sync marks its jobs
        allow(role, [*actions, *tags], arn("sagemaker", f"{kind}-job/{learning.prefix}-*"))
    allow(
        role,
        ["events:DescribeRule", "events:PutRule", "events:PutTargets"],
        *(
            arn("events", f"rule/StepFunctionsGetEventsForSageMaker{job}sRule")
            for job in JOBS.values()
        ),
    )
    role.add_to_policy(
        iam.PolicyStatement(
            actions=["iam:PassRole"],
            resources=[learning.trainer.role_arn],
            conditions={"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
        )
    )


def _let_fill(role: iam.Role, learning: "Learning", storage: Storage) -> None:
    """List the pictures, run child executions, and write down what became of each batch."""
    list_keys(role, storage.images)
    allow(role, ["states:StartExecution"], learning.machine_arn)
    children = [arn("states", f"execution:{learning.name}{mark}*") for mark in ":/"]
    allow(role, ["states:DescribeExecution", "states:StopExecution"], *children)
    allow(
        role,
        [
            "s3:AbortMultipartUpload",
            "s3:GetObject",
            "s3:ListMultipartUploadParts",
            "s3:PutObject",
        ],
        storage.models.arn_for_objects("training/*/backfill/*"),
    )


def _let_be_watched(role: iam.Role) -> None:
    allow(
        role,
        [
            "xray:GetSamplingRules",
            "xray:GetSamplingTargets",
            "xray:PutTelemetryRecords",
            "xray:PutTraceSegments",
        ],
        NO_RESOURCE,
    )
    allow(
        role,
        [
            "logs:CreateLogDelivery",
            "logs:DeleteLogDelivery",
            "logs:DescribeLogGroups",
            "logs:DescribeResourcePolicies",
            "logs:GetLogDelivery",
            "logs:ListLogDeliveries",
            "logs:PutResourcePolicy",
            "logs:UpdateLogDelivery",
        ],
        NO_RESOURCE,
    )
