"""What differs between dev, staging and prod: one file each, checked before anything is made."""

import tomllib
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

FOLDER = Path(__file__).parent / "environments"

# What CloudWatch Logs accepts, up to two years.
LogDays = Literal[1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731]
Positive = Annotated[int, Field(gt=0)]
Schedule = Annotated[str, Field(pattern=r"^$|^(cron|rate)\(.+\)$")]  # "" = never
Origin = Annotated[str, Field(pattern=r"^https?://[^/*\s]+$")]


class Part(BaseModel):
    """A table of the file. An unknown name is a mistake, not a comment."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Qdrant(Part):
    """The vector database.

    secret: name of a secret {"url", "api_key"} that may write. read_secret: the same with a key
    that may only read, for the functions that only ask; "" = they use the one that writes.
    """

    secret: str
    read_secret: str = ""
    quantisation: Literal["none", "int8"] = "none"
    on_disk: bool = False  # original vectors on disk: for catalogues larger than memory
    shards: Positive = 1
    replicas: Positive = 1


class Ingest(Part):
    """From an upload to the index. concurrency: pictures embedded at the same time, at most."""

    concurrency: Annotated[int, Field(ge=2, le=1000)] = 10  # SQS scales no lower than 2
    memory_mb: Annotated[int, Field(ge=512, le=10240)] = 2048
    timeout_seconds: Annotated[int, Field(ge=10, le=900)] = 60
    base_image: str = ""  # e.g. public.ecr.aws/lambda/python@sha256:…; "" = the Dockerfile's tag
    moderation: Literal["off", "rekognition"] = "off"


class Search(Part):
    """exploration: share of answers in which chance fills one place, so that clicks can be read."""

    memory_mb: Annotated[int, Field(ge=512, le=10240)] = 1769  # one whole vCPU
    snapstart: bool = False  # starts in a tenth of the time; its snapshot is billed by the hour
    reserved_concurrency: Positive | None = None
    exploration: Annotated[float, Field(ge=0, le=1)] = 0.2


class Api(Part):
    """auth: "iam" is for services; the page cannot sign, so it then shows nothing.

    uploads: who may ask for permission to add a picture. origins: of other apps' pages.
    """

    auth: Literal["api_key", "iam"] = "api_key"
    uploads: Literal["api_key", "iam", "off"] = "iam"
    origins: tuple[Origin, ...] = ()
    requests_per_second: Positive = 50
    burst: Positive = 100
    requests_per_month: Positive = 1_000_000
    waf: bool = False
    waf_requests_per_5_minutes: Annotated[int, Field(ge=10)] = 2000  # from one address
    domain: str = ""  # api.example.com
    certificate_arn: str = ""  # of ACM, in the stack's own region
    # One role for all APIs of an account lets API Gateway write logs. Whoever has set it elsewhere
    # says false; else the stack sets it, and leaves it there when it is deleted.
    account_log_role: bool = True

    @model_validator(mode="after")
    def _a_domain_needs_a_certificate(self) -> Self:
        if bool(self.domain) != bool(self.certificate_arn):
            raise ValueError("give domain and certificate_arn together, or neither")
        return self


class Page(Part):
    """The page for people. Its domain's certificate must lie in us-east-1."""

    domain: str = ""
    certificate_arn: str = ""

    @model_validator(mode="after")
    def _a_domain_needs_a_certificate(self) -> Self:
        if bool(self.domain) != bool(self.certificate_arn):
            raise ValueError("give domain and certificate_arn together, or neither")
        return self


class Retention(Part):
    """Days. old_images: how long an overwritten or deleted picture can be brought back."""

    old_images: Positive = 30
    interactions: Positive = 400
    access_logs: Positive = 90
    logs: LogDays = 30


class Learning(Part):
    """schedule: when retraining begins, as EventBridge Scheduler writes it; "" = only by hand."""

    schedule: Schedule = ""
    instance_type: str = "ml.g5.xlarge"
    spot: bool = True
    max_runtime_hours: Annotated[int, Field(ge=1, le=48)] = 6
    # With the wait for spot capacity. More would leave the machine's own limit no time to backfill.
    max_wait_hours: Annotated[int, Field(ge=1, le=48)] = 12
    training_minutes: Positive = 60
    fill_concurrency: Annotated[int, Field(ge=1, le=1000)] = 20

    @model_validator(mode="after")
    def _the_wait_includes_the_run(self) -> Self:
        if self.max_wait_hours < self.max_runtime_hours:
            raise ValueError("max_wait_hours must be at least max_runtime_hours")
        return self


class Watching(Part):
    """email: who hears of alarms and of the budget."""

    email: Annotated[str, Field(pattern=r"^$|^[^@\s]+@[^@\s]+\.[^@\s]+$")] = ""
    monthly_budget_usd: Positive = 50
    canary_minutes: Annotated[int, Field(ge=0, le=60)] = 5  # 0 = no synthetic query
    reconcile: Schedule = "cron(0 3 * * ? *)"


class GitHub(Part):
    """repository: owner@ID/name@ID, as GitHub's OIDC subjects name it; "" = no deploys from it."""

    repository: Annotated[str, Field(pattern=r"^$|^[\w.-]+(@\d+)?/[\w.-]+(@\d+)?$")] = ""


class Environment(Part):
    """One deployment. account and region: "" = whatever the command line is logged in to.

    protected: data outlives the stack, deleting it is refused, and functions that only ask the
    index cannot write to it. gradual: for five minutes a new version gets a tenth of the calls.
    """

    name: str
    account: Annotated[str, Field(pattern=r"^$|^\d{12}$")] = ""
    region: Annotated[str, Field(pattern=r"^$|^[a-z]{2}(-[a-z]+)+-\d$")] = ""
    protected: bool = True
    gradual: bool = True
    tags: dict[str, str] = {}
    qdrant: Qdrant
    ingest: Ingest = Ingest()
    search: Search = Search()
    api: Api = Api()
    page: Page = Page()
    retention: Retention = Retention()
    learning: Learning = Learning()
    watching: Watching = Watching()
    github: GitHub = GitHub()

    @model_validator(mode="after")
    def _what_is_protected_is_watched_and_read_with_a_key_that_only_reads(self) -> Self:
        if self.protected and not self.qdrant.read_secret:
            raise ValueError("a protected environment needs qdrant.read_secret")
        if self.protected and not self.watching.email:
            raise ValueError("a protected environment needs watching.email, who hears of alarms")
        if bool(self.account) != bool(self.region):
            raise ValueError("give account and region together, or neither")
        return self


class UnknownEnvironment(Exception):
    """No such file, or one that cannot be used; the message says what to do."""


def environments(folder: Path = FOLDER) -> tuple[str, ...]:
    """The names that can be deployed."""
    return tuple(sorted(file.stem for file in folder.glob("*.toml")))


def environment(name: str, folder: Path = FOLDER) -> Environment:
    """Read and check one file. Raises UnknownEnvironment with every mistake that it has."""
    known = ", ".join(environments(folder))
    if name not in environments(folder):
        wanted = f"No environment is called {name!r}" if name else "No environment is named"
        raise UnknownEnvironment(f"{wanted}; choose one of {known}: -c env=dev")
    file = folder / f"{name}.toml"
    try:
        return Environment(name=name, **tomllib.loads(file.read_text(encoding="utf-8")))
    except tomllib.TOMLDecodeError as error:
        raise UnknownEnvironment(f"{file.name} is not TOML: {error}") from None
    except (ValidationError, TypeError) as error:
        raise UnknownEnvironment(f"{file.name}: {_mistakes(error)}") from None


def _mistakes(error: ValidationError | TypeError) -> str:
    if isinstance(error, TypeError):
        return "the name is the file's; leave it out"
    told = []
    for one in error.errors():
        place = ".".join(map(str, one["loc"]))
        told.append(f"{place}: {one['msg']}" if place else one["msg"])
    return "; ".join(told)
