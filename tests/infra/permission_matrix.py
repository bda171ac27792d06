"""Who may do what on which resource: the whole list, as a person reads it."""

import re
from collections.abc import Iterator

from infra.environment import environment
from tests.infra.grants import FUNCTIONS, Grant

# Everything that is allowed. Below each name: actions | resources | if CONDITION | in ENVIRONMENTS.
# A condition is named by what it asks about; … is lookalike-ENV. Not said again in each line: S3's
# actions are given in buckets of this account only.
MATRIX = """
role api logs
    managed | AmazonAPIGatewayPushToCloudWatchLogs
role canary
    apigateway:GET | apigateway /apikeys/api key | in staging prod
role canary clock
    lambda:InvokeFunction | function canary | in staging prod
role catalogue
    s3:DeleteObject, s3:GetObject | images/*
    s3:GetObject | derived/rejects/*, models/serving.json
    s3:ListBucket | derived, images, models
    s3:PutObject | images/*.metadata.json, images/uploads/*
    secretsmanager:GetSecretValue | secret qdrant | in dev
    secretsmanager:GetSecretValue | secret qdrant-read | in staging prod
role catalogue release
    managed | AWSCodeDeployRoleForLambdaLimited
role delivery
    glue:GetTable, glue:GetTableVersion, glue:GetTableVersions | glue catalog, glue
        database/lake, glue table/lake/interactions
    kms:Decrypt, kms:GenerateDataKey | key
    logs:PutLogEvents | logs log-group:log delivery:log-stream:s3
    s3:AbortMultipartUpload, s3:GetObject, s3:PutObject | interactions/failed/*,
        interactions/interactions/*
    s3:GetBucketLocation, s3:ListBucket, s3:ListBucketMultipartUploads | interactions
role deployment
    s3:GetObject, s3:PutObject | models/*/card.json, models/*/model.onnx, models/serving.json
    s3:ListBucket | models
    secretsmanager:GetSecretValue | secret qdrant
role embed
    s3:DeleteObject, s3:GetObject, s3:PutObject | derived/rejects/*, derived/thumbnails/*
    s3:GetObject | images/*, models/*/card.json, models/*/model.onnx, models/serving.json
    s3:ListBucket | derived, images, models
    secretsmanager:GetSecretValue | secret qdrant
    sqs:ChangeMessageVisibility, sqs:DeleteMessage, sqs:GetQueueAttributes, sqs:GetQueueUrl,
        sqs:ReceiveMessage | queue changes
role emptying
    managed | AWSLambdaBasicExecutionRole | in dev staging
    s3:DeleteObject*, s3:GetBucket*, s3:List*, s3:PutBucketPolicy | derived, derived/*, images,
        images/*, interactions, interactions/*, logs, logs/*, models, models/*, page, page/* |
        in dev staging
role interactions
    firehose:PutRecordBatch | stream
    secretsmanager:GetSecretValue | secret signing
role interactions release
    managed | AWSCodeDeployRoleForLambdaLimited
role learning
    s3:DeleteObject, s3:GetObject, s3:PutObject | derived/rejects/*, derived/thumbnails/*
    s3:GetObject | images/*, models/training/*
    s3:GetObject, s3:PutObject | models/*/card.json, models/*/model.onnx,
        models/learning/lease.json, models/serving.json
    s3:ListBucket | derived, images, models
    secretsmanager:GetSecretValue | secret qdrant
role machine
    events:DescribeRule, events:PutRule, events:PutTargets | events
        rule/StepFunctionsGetEventsForSageMakerProcessingJobsRule, events
        rule/StepFunctionsGetEventsForSageMakerTrainingJobsRule
    iam:PassRole | role trainer | if iam:PassedToService
    lambda:InvokeFunction | function learning
    logs:CreateLogDelivery, logs:DeleteLogDelivery, logs:DescribeLogGroups,
        logs:DescribeResourcePolicies, logs:GetLogDelivery, logs:ListLogDeliveries,
        logs:PutResourcePolicy, logs:UpdateLogDelivery, xray:GetSamplingRules,
        xray:GetSamplingTargets, xray:PutTelemetryRecords, xray:PutTraceSegments | *
    s3:AbortMultipartUpload, s3:GetObject, s3:ListMultipartUploadParts, s3:PutObject |
        models/training/*/backfill/*
    s3:ListBucket | images
    sagemaker:AddTags, sagemaker:CreateProcessingJob, sagemaker:DescribeProcessingJob,
        sagemaker:ListTags, sagemaker:StopProcessingJob | sagemaker processing-job/…-*
    sagemaker:AddTags, sagemaker:CreateTrainingJob, sagemaker:DescribeTrainingJob,
        sagemaker:ListTags, sagemaker:StopTrainingJob | sagemaker training-job/…-*
    sns:Publish | topic news
    states:DescribeExecution, states:StopExecution | states execution:…-learning/*, states
        execution:…-learning:*
    states:StartExecution | states stateMachine:…-learning
role metrics
    athena:GetQueryExecution, athena:GetQueryResults, athena:StartQueryExecution,
        athena:StopQueryExecution | athena workgroup/workgroup
    glue:GetDatabase, glue:GetPartitions, glue:GetTable | glue catalog, glue database/lake, glue
        table/lake/interactions
    kms:Decrypt, kms:GenerateDataKey | key
    s3:AbortMultipartUpload, s3:GetObject, s3:ListMultipartUploadParts, s3:PutObject |
        interactions/athena/*
    s3:GetBucketLocation | interactions
    s3:GetObject | interactions/interactions/*, models/serving.json
    s3:ListBucket | interactions, models
    secretsmanager:GetSecretValue | secret qdrant | in dev
    secretsmanager:GetSecretValue | secret qdrant-read | in staging prod
role metrics release
    managed | AWSCodeDeployRoleForLambdaLimited
role publishing
    cloudfront:CreateInvalidation, cloudfront:GetInvalidation | *
    managed | AWSLambdaBasicExecutionRole
    s3:Abort*, s3:DeleteObject*, s3:GetBucket*, s3:GetObject*, s3:List*, s3:PutObject,
        s3:PutObjectLegalHold, s3:PutObjectRetention, s3:PutObjectTagging,
        s3:PutObjectVersionTagging | page, page/*
    s3:GetBucket*, s3:GetObject*, s3:List* | s3 cdk-hnb659fds-assets, s3 cdk-hnb659fds-assets/*
role reconcile
    s3:GetObject | derived/rejects/*, models/serving.json
    s3:ListBucket | derived, images, models
    secretsmanager:GetSecretValue | secret qdrant | in dev
    secretsmanager:GetSecretValue | secret qdrant-read | in staging prod
    sqs:SendMessage | queue changes
role reconcile clock
    lambda:InvokeFunction | function reconcile
role search
    s3:GetObject | images/*, models/*/card.json, models/*/model.onnx, models/serving.json
    s3:ListBucket | images, models
    secretsmanager:GetSecretValue | secret signing
    secretsmanager:GetSecretValue | secret qdrant | in dev
    secretsmanager:GetSecretValue | secret qdrant-read | in staging prod
role search release
    managed | AWSCodeDeployRoleForLambdaLimited
role trainer
    cloudwatch:PutMetricData | * | if cloudwatch:namespace
    ecr:BatchCheckLayerAvailability, ecr:BatchGetImage, ecr:GetDownloadUrlForLayer | ecr
        repository/cdk-hnb659fds-container-assets
    ecr:GetAuthorizationToken | *
    kms:Decrypt | key
    logs:CreateLogGroup, logs:CreateLogStream, logs:DescribeLogStreams, logs:PutLogEvents | logs
        log-group:/aws/sagemaker/ProcessingJobs*, logs log-group:/aws/sagemaker/TrainingJobs*
    s3:DeleteObject | models/training/*/checkpoints/*
    s3:GetObject | images/*, interactions/*, models/*/card.json, models/*/model.onnx,
        models/gold/*
    s3:GetObject, s3:PutObject | models/training/*
    s3:ListBucket | images, interactions, models
account
    kms:* | key
apigateway
    lambda:InvokeFunction | function catalogue:live, function interactions:live, function
        metrics:live, function search:live | if source
    sts:AssumeRole | role api logs
cloudfront
    s3:GetObject | derived/thumbnails/*, page/* | if AWS:SourceArn
cloudwatch
    kms:Decrypt, kms:GenerateDataKey* | key | if SourceAccount SourceArn
    sns:Publish | topic alarms | if SourceAccount SourceArn
codedeploy
    sts:AssumeRole | role catalogue release, role interactions release, role metrics release,
        role search release
delivery.logs
    s3:PutObject | logs/AWSLogs/<AWS::AccountId>/* | if SourceAccount SourceArn s3:x-amz-acl
firehose
    sts:AssumeRole | role delivery | if sts:ExternalId
lambda
    sts:AssumeRole | role catalogue, role deployment, role embed, role interactions, role
        learning, role metrics, role publishing, role reconcile, role search
    sts:AssumeRole | role emptying | in dev staging
    sts:AssumeRole | role canary | in staging prod
logging.s3
    s3:PutObject | logs/s3/derived/*, logs/s3/images/*, logs/s3/interactions/*,
        logs/s3/models/*, logs/s3/page/* | if SourceAccount SourceArn
s3
    sqs:SendMessage | queue changes | if SourceAccount SourceArn
sagemaker
    sts:AssumeRole | role trainer | if SourceAccount
scheduler
    sts:AssumeRole | role reconcile clock | if SourceAccount
    sts:AssumeRole | role canary clock | if SourceAccount | in staging prod
states
    sts:AssumeRole | role machine | if SourceAccount
"""
# Roles of CDK's own functions, at deployment only.
CDK_OWN = {"role publishing", "role emptying"}
# And each function may write its own log, and its traces.
EACH_FUNCTION = (
    ("logs:CreateLogStream", "log {}"),
    ("logs:PutLogEvents", "log {}"),
    ("xray:PutTraceSegments", "*"),
    ("xray:PutTelemetryRecords", "*"),
)


def written(name: str) -> Iterator[Grant]:
    """The matrix, one action on one resource at a time."""
    for block in re.split(r"\n(?=\S)", MATRIX.strip()):
        who, *lines = re.sub(r"\n {8}", " ", block).split("\n    ")
        for line in lines:
            actions, targets, *rest = (part.strip() for part in line.split(" | "))
            said = dict(part.split(" ", 1) for part in rest)
            if name not in said.get("in", name).split():
                continue
            for action in actions.split(", "):
                for target in targets.split(", "):
                    yield Grant(who, action, target, said.get("if", _of_s3(who, action)))
    for function in [*FUNCTIONS, "embed"]:
        if function == "canary" and not environment(name).watching.canary_minutes:
            continue
        for action, target in EACH_FUNCTION:
            yield Grant(f"role {function}", action, target.format(function))


def _of_s3(who: str, action: str) -> str:
    """A role of ours touches buckets of this account only, whoever else has one of that name."""
    ours = who.startswith("role ") and who not in CDK_OWN
    return "s3:ResourceAccount" if ours and action.startswith("s3:") else ""
