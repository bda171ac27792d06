"""Which wildcards and managed policies our roles have, and why they are accepted."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import aws_cdk as cdk
from aws_cdk import aws_s3 as s3

from infra.nag_accepted import Accepted
from infra.permissions import MODEL_FILES

if TYPE_CHECKING:
    from infra.lookalike import Lookalike

HERE = "<AWS::Region>:<AWS::AccountId>"
PUBLISHING = "Custom::CDKBucketDeployment8693BB64968944B69AAFB0CC9EB8756C256MiB"

PICTURES = "The objects of one bucket, whose keys are the users' own and cannot be listed here."
SIDECARS = "A sidecar lies beside its picture, whose key is the user's own; only its end is known."
UPLOADS = "The keys of uploads are made at random below this prefix, so that nobody guesses one."
MODELS = "Models are made after this stack: their versions are not known yet, their files are."
BY_IMAGE = "One small object for each picture, named by its id, below a prefix of its own."
TRAINING = "Each run writes below a folder of its own name, which is minted when the run begins."
GOLD = "People lay the gold set below this prefix, file by file; its names are theirs."
ROWS = "Firehose names files by the time they are written, below this prefix of its own."
COUNTED = "Athena reads the rows of all days and names its results itself, below these prefixes."
CLICKS = "Jobs read the interactions of all days, in files that Firehose names by the time."
TRACES = "X-Ray knows no resources: traces can be sent to the account, or not at all."
REVIEWED = f"{TRACES[:-1]}; Rekognition is sent bytes, and has no resource to name either."
JOB_TRACES = (
    "Registry log-in and the metrics of jobs know no resources. The log-in gives no image away, "
    "and the metrics are held to SageMaker's namespaces by a condition."
)
CONDUCTING = (
    "X-Ray and the set-up of a state machine's log delivery know no resources; Step Functions' "
    "documentation asks for both in these words."
)
RUNS = "Jobs are named when a run begins; the prefix is that of this environment alone."
CHILDREN = "A Distributed Map names its child executions itself; all are of this one machine."
JOB_LOGS = "SageMaker makes and names the log groups of its jobs itself, by this beginning."
RELEASE = (
    "CodeDeploy's own policy for Lambda, the limited one. Only CodeDeploy can take the role, to "
    "move an alias from one version to the next and back."
)
CDK_OWN = (
    "CDK's own function, which copies the page's public files at deployment. It touches the "
    "bucket of CDK's assets and the page's bucket, and nothing that is anybody's."
)


def accepted(stack: "Lookalike") -> Iterator[Accepted]:
    yield from _functions(stack)
    yield from _embedding(stack)
    yield from _interactions(stack)
    yield from _trainer(stack)
    yield from _machine(stack)
    yield from _aws_own(stack)


def _wildcards(role: str, reason: str, *resources: str) -> Iterator[Accepted]:
    for resource in resources:
        yield Accepted(f"{role}/DefaultPolicy/Resource", f"IAM5[Resource::{resource}]", reason)


def _objects(bucket: s3.Bucket, *keys: str) -> list[str]:
    made = bucket.node.default_child
    name = cdk.Stack.of(bucket).get_logical_id(made)
    return [f"<{name}.Arn>/{pattern}" for pattern in keys]


def _functions(stack: "Lookalike") -> Iterator[Accepted]:
    storage = stack.storage
    images, models = storage.images, _objects(storage.models, *MODEL_FILES)
    rejects = _objects(storage.derived, "rejects/*")
    for name in stack.functions.all:
        moderates = name == "learning" and _moderated(stack)
        yield from _wildcards(_role(name), REVIEWED if moderates else TRACES, "*")
    for name in ("search", "catalogue", "learning"):
        yield from _wildcards(_role(name), PICTURES, *_objects(images, "*"))
    for name in ("search", "learning", "deployment"):
        yield from _wildcards(_role(name), MODELS, *models)
    for name in ("catalogue", "learning", "reconcile"):
        yield from _wildcards(_role(name), BY_IMAGE, *rejects)
    yield from _wildcards(_role("catalogue"), SIDECARS, *_objects(images, "*.metadata.json"))
    yield from _wildcards(_role("catalogue"), UPLOADS, *_objects(images, "uploads/*"))
    yield from _wildcards(_role("learning"), BY_IMAGE, *_objects(storage.derived, "thumbnails/*"))
    yield from _wildcards(_role("learning"), TRAINING, *_objects(storage.models, "training/*"))
    rows = _objects(storage.interactions, "interactions/*", "athena/*")
    yield from _wildcards(_role("metrics"), COUNTED, *rows)


def _embedding(stack: "Lookalike") -> Iterator[Accepted]:
    role, storage = "Embed/EmbedRole", stack.storage
    yield from _wildcards(role, REVIEWED if _moderated(stack) else TRACES, "*")
    yield from _wildcards(role, PICTURES, *_objects(storage.images, "*"))
    yield from _wildcards(role, MODELS, *_objects(storage.models, *MODEL_FILES))
    yield from _wildcards(role, BY_IMAGE, *_objects(storage.derived, "rejects/*", "thumbnails/*"))


def _interactions(stack: "Lookalike") -> Iterator[Accepted]:
    written = _objects(stack.storage.interactions, "interactions/*", "failed/*")
    yield from _wildcards("Interactions/Delivery/Role", ROWS, *written)


def _trainer(stack: "Lookalike") -> Iterator[Accepted]:
    role, models = "Learning/Trainer", stack.storage.models
    yield from _wildcards(role, JOB_TRACES, "*")
    yield from _wildcards(role, PICTURES, *_objects(stack.storage.images, "*"))
    yield from _wildcards(role, CLICKS, *_objects(stack.storage.interactions, "*"))
    yield from _wildcards(role, MODELS, *_objects(models, *MODEL_FILES))
    yield from _wildcards(role, GOLD, *_objects(models, "gold/*"))
    made = _objects(models, "training/*", "training/*/checkpoints/*")
    yield from _wildcards(role, TRAINING, *made)
    groups = f"arn:<AWS::Partition>:logs:{HERE}:log-group:/aws/sagemaker"
    for kind in ("ProcessingJobs", "TrainingJobs"):
        yield from _wildcards(role, JOB_LOGS, f"{groups}/{kind}*")


def _machine(stack: "Lookalike") -> Iterator[Accepted]:
    role, learning = "Learning/Role", stack.learning
    yield from _wildcards(role, CONDUCTING, "*")
    backfill = _objects(stack.storage.models, "training/*/backfill/*")
    yield from _wildcards(role, TRAINING, *backfill)
    jobs = f"arn:<AWS::Partition>:sagemaker:{HERE}"
    for kind in ("processing", "training"):
        yield from _wildcards(role, RUNS, f"{jobs}:{kind}-job/{learning.prefix}-*")
    executions = f"arn:<AWS::Partition>:states:{HERE}:execution:{learning.name}"
    yield from _wildcards(role, CHILDREN, f"{executions}:*", f"{executions}/*")


def _aws_own(stack: "Lookalike") -> Iterator[Accepted]:
    policies = "IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role"
    for name in ("Search", "Catalogue", "Interactions", "Metrics"):
        role = f"Functions/{name}Release/ServiceRole/Resource"
        yield Accepted(role, f"{policies}/AWSCodeDeployRoleForLambdaLimited]", RELEASE)
    yield Accepted(f"{PUBLISHING}/Resource", "L1", CDK_OWN)
    role = f"{PUBLISHING}/ServiceRole"
    yield Accepted(f"{role}/Resource", f"{policies}/AWSLambdaBasicExecutionRole]", CDK_OWN)
    assets = (
        f"arn:<AWS::Partition>:s3:::cdk-{_qualifier(stack)}-assets-<AWS::AccountId>-<AWS::Region>"
    )
    page = _objects(stack.storage.page, "*")
    yield from _wildcards(role, CDK_OWN, "*", f"{assets}/*", *page)
    for action in ("GetBucket*", "GetObject*", "List*", "Abort*", "DeleteObject*"):
        yield Accepted(f"{role}/DefaultPolicy/Resource", f"IAM5[Action::s3:{action}]", CDK_OWN)


def _role(function: str) -> str:
    return f"Functions/{function.capitalize()}Role"


def _moderated(stack: "Lookalike") -> bool:
    return stack.chosen.ingest.moderation != "off"


def _qualifier(stack: cdk.Stack) -> str:
    return stack.synthesizer.bootstrap_qualifier or "hnb659fds"
