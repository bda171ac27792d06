"""What a month of Lookalike uses: assumptions with names, and the lines they make."""

import math
from dataclasses import dataclass

from infra.bill import Bill, Line
from infra.environment import Environment

HOURS = 730  # of a month, as AWS counts them
SECONDS = HOURS * 3600
DAYS = HOURS / 24
GB = 1_000_000  # KB in it

# Measured here: docs/benchmarks.md, processor time on one core of a Zen 4 server.
SIMILAR_MS = 5.55  # similar by id, any image of the catalogue, 100,000 points
UPLOAD_MS = 55.9  # search by upload, a phone's photo of 12 megapixels
INDEX_MS = 21.4  # the whole embed function for a 1-megapixel JPEG
START_SECONDS = 1.359  # the search function from nothing to its first answers, cloud clients in
IMAGE_KB = 365  # of those JPEGs, on average
THUMBNAIL_KB = 31.5  # WebP of 512 pixels, made of 18 photos of 300 KB on average

# Assumed: never measured in AWS.
GRAVITON = 2.0  # a vCPU of Lambda takes this many times as long as the core above
QDRANT_MS = 15  # waiting for the index
S3_MS = 180  # embed waiting for S3: eleven requests
INTERACTIONS_MS = 20  # verify the answer's name, hand over to Firehose
UPLOADS = 0.3  # share of searches that bring a picture
COLD = 0.005  # share of searches that start a container
BEACONS = 2  # requests to POST /v1/interactions for each search
SEEN = 12  # thumbnails loaded for each search: half a page, the browser's cache apart
EDGE_MISSES = 0.2  # share of the thumbnails that CloudFront has to fetch
EVENTS = 14  # interactions for each search: 12 impressions, a click, a dwell
FIREHOSE_KB = 10  # billed for each search: a record for each beacon, rounded up to 5 KB
ANSWER_KB = 12  # 24 results as JSON
INTERACTION_BYTES = 70  # a row in Parquet
INTERACTION_MONTHS = 13  # kept: retention.interactions of prod is 400 days
DELIVERIES = 12  # files that Firehose writes in an hour
REPORTS = 200  # Athena queries in a month, each over a month of rows; repeats are free
LEAST_SCAN_TB = 10e-6  # what Athena bills for the smallest query
LOG_KB = 2.5  # for each request: access log, Lambda's three lines, JSON and EMF
LOG_COMPRESSION = 0.15  # what is kept of what was taken in
TRACED = 0.05  # X-Ray's default: the first request of every second and this share of the rest
QUERY_KB, POINT_KB = 3, 6  # sent to Qdrant for a search and for an image
CHURN = 0.05  # share of the catalogue that is new or changed in a month
S3_READS, S3_WRITES, SQS_REQUESTS = 9, 2, 3  # for each image that is indexed
POLLERS, POLL_SECONDS = 5, 20  # Lambda asks an empty queue this often
RECONCILE_SECONDS = 60  # of a night, for a million images
FILL_BATCH = 100  # keys that one child of the Distributed Map gets
FILL_TRANSITIONS = 2  # of each child: it starts, it calls the function
START_HOURS = 0.25  # of a training job: instance and image
SPOT = 0.5  # what is paid of the price on demand; spot saves up to 90 %, seldom that much

# Counted in the code.
SEARCH_GB, EMBED_GB, SMALL_GB, LARGE_GB = 1769 / 1024, 2048 / 1024, 512 / 1024, 3008 / 1024
METRICS = {"search": 7, "interactions": 6, "embed": 6}  # while there is traffic
REJECT_REASONS = 5  # the sixth is a laptop's
NIGHTLY_METRICS, CANARY_METRICS = 5, 2  # nightly: written in one hour of the day
ALARMS, TOLD_ALARMS, CANARY_ALARMS = 10, 5, 1  # metrics watched: always, with an address, by canary
WAF_RULES = 6
SECRETS = 2  # Qdrant's and the signing keys
KMS_KEYS = 1  # for what is personal: the interactions
IMAGES_GB = {"embed": 0.3, "training": 4.0}  # containers in ECR, compressed
OWN_GB = 1  # models, the page, deployed code


@dataclass(frozen=True)
class Switches:
    """What the environment file turns on and off, as far as it costs."""

    waf: bool = False
    snapstart: bool = False
    canary_minutes: int = 0
    read_secret: bool = False
    moderation: bool = False
    told: bool = False

    @classmethod
    def of(cls, environment: Environment) -> "Switches":
        return cls(
            waf=environment.api.waf,
            snapstart=environment.search.snapstart,
            canary_minutes=environment.watching.canary_minutes,
            read_secret=bool(environment.qdrant.read_secret),
            moderation=environment.ingest.moderation != "off",
            told=bool(environment.watching.email),
        )


def standing(switches: Switches) -> Bill:
    """A month in which nobody stores or asks anything."""
    lines = [
        Line("KMS", "key", "kms_key", KMS_KEYS),
        Line("Secrets Manager", "secrets", "secret", SECRETS + switches.read_secret),
        Line("CloudWatch", "alarms", "alarm", alarms(switches)),
        Line("CloudWatch", "dashboard", "dashboard", 1),
        Line("CloudWatch", "metrics of the nightly run", "metric", NIGHTLY_METRICS / 24),
        Line("ECR", "container images", "ecr_gb_month", sum(IMAGES_GB.values())),
        Line("S3", "code, models, page", "s3_gb_month", OWN_GB),
        Line("SQS", "polling", "sqs_request", POLLERS * SECONDS / POLL_SECONDS),
        Line("EventBridge Scheduler", "nightly run", "scheduler_call", DAYS),
    ]
    if switches.waf:
        lines += [Line("WAF", "web ACL", "waf_acl", 1), Line("WAF", "rules", "waf_rule", WAF_RULES)]
    if switches.snapstart:
        kept = SEARCH_GB * SECONDS
        lines.append(Line("Lambda", "SnapStart, kept", "snapstart_cache_gb_second", kept))
    if switches.canary_minutes:
        lines.extend(_canary(HOURS * 60 / switches.canary_minutes))
    return tuple(lines)


def alarms(switches: Switches) -> int:
    """An alarm over an expression counts as many as there are metrics in it."""
    return ALARMS + TOLD_ALARMS * switches.told + CANARY_ALARMS * bool(switches.canary_minutes)


def _canary(asked: float) -> Bill:
    seconds = asked * _search_seconds() * SEARCH_GB + asked * SMALL_GB
    return (
        Line("CloudWatch", "metrics of the canary", "metric", CANARY_METRICS),
        Line("CloudWatch", "metrics of search, kept awake", "metric", METRICS["search"]),
        Line("EventBridge Scheduler", "canary", "scheduler_call", asked),
        Line("API Gateway", "canary", "api_gateway_rest", asked),
        Line("Lambda", "canary", "lambda_request", 2 * asked),
        Line("Lambda", "canary", "lambda_arm_gb_second", seconds),
        Line("CloudWatch", "logs", "logs_gb", 2 * asked * LOG_KB / GB),
    )


def _search_seconds() -> float:
    """Billed for a search in a container that is warm."""
    computed = (1 - UPLOADS) * SIMILAR_MS + UPLOADS * UPLOAD_MS
    return (GRAVITON * computed + QDRANT_MS) / 1000


def answering(searches: float, switches: Switches) -> Bill:
    """Searches, and what people do with the answers. Nothing in it stands still."""
    requests = (1 + BEACONS) * searches
    cold, loaded, heard = COLD * searches, SEEN * searches, BEACONS * searches / 1000
    lines = [
        Line("API Gateway", "searches and beacons", "api_gateway_rest", requests),
        Line("Lambda", "requests", "lambda_request", requests),
        Line("Lambda", "search", "lambda_arm_gb_second", searches * _search_seconds() * SEARCH_GB),
        Line("Lambda", "interactions", "lambda_arm_gb_second", heard * INTERACTIONS_MS * SMALL_GB),
        Line("CloudFront", "requests", "cloudfront_request", requests + loaded),
        Line("CloudFront", "thumbnails and answers", "cloudfront_gb",
             searches * (SEEN * THUMBNAIL_KB + ANSWER_KB) / GB),
        Line("S3", "thumbnails for CloudFront", "s3_read", EDGE_MISSES * loaded),
        Line("Data transfer", "queries to Qdrant", "data_out_gb", searches * QUERY_KB / GB),
        Line("CloudWatch", "logs", "logs_gb", requests * LOG_KB / GB),
        Line("CloudWatch", "logs, kept a month", "logs_gb_month",
             requests * LOG_KB / GB * LOG_COMPRESSION),
        Line("X-Ray", "traces", "xray_trace", _traces(requests)),
        Line("Secrets Manager", "reads", "secret_request", 2 * cold),
        *_lake(searches),
    ]  # fmt: skip
    if switches.waf:
        lines.append(Line("WAF", "requests", "waf_request", requests))
    if switches.snapstart:
        lines.append(Line("Lambda", "SnapStart, woken", "snapstart_restore_gb", cold * SEARCH_GB))
    else:
        started = cold * START_SECONDS * GRAVITON * SEARCH_GB
        lines.append(Line("Lambda", "cold starts", "lambda_arm_gb_second", started))
    return tuple(lines)


def _traces(requests: float) -> float:
    """At most: as if the requests came evenly, so that each second's first is another one."""
    first = min(requests, SECONDS)
    return first + TRACED * (requests - first)


def _lake(searches: float) -> Bill:
    if not searches:
        return ()
    month_gb = searches * EVENTS * INTERACTION_BYTES / 1e9
    taken = searches * FIREHOSE_KB / GB
    scanned = REPORTS * max(LEAST_SCAN_TB, month_gb / 1000)
    return (
        Line("Firehose", "records", "firehose_gb", taken),
        Line("Firehose", "to Parquet", "firehose_conversion_gb", taken),
        Line("S3", "interactions, kept", "s3_gb_month", month_gb * INTERACTION_MONTHS),
        Line("S3", "files of interactions", "s3_write", DELIVERIES * HOURS),
        Line("KMS", "files of interactions", "kms_request", DELIVERIES * HOURS + REPORTS),
        Line("Athena", "reports", "athena_tb", scanned),
        Line("S3", "files that reports read", "s3_read", REPORTS * DELIVERIES * HOURS),
        Line("Glue", "table look-ups", "glue_request", 2 * REPORTS),
    )


def measured(switches: Switches) -> Bill:
    """The metrics that traffic writes: the same for a request an hour and for a thousand."""
    written = sum(METRICS.values()) + REJECT_REASONS
    written -= METRICS["search"] * bool(switches.canary_minutes)  # written anyway
    return (Line("CloudWatch", "metrics of traffic", "metric", written),)


def keeping(images: float, switches: Switches) -> Bill:
    """Store a catalogue for a month, with its churn."""
    listed = math.ceil(images / 1000) * DAYS
    counted = images / 1e6 * RECONCILE_SECONDS * LARGE_GB * DAYS
    return (
        Line("S3", "images", "s3_gb_month", images * IMAGE_KB / GB),
        Line("S3", "thumbnails", "s3_gb_month", images * THUMBNAIL_KB / GB),
        Line("S3", "nightly listing", "s3_write", listed),
        Line("Lambda", "nightly run", "lambda_arm_gb_second", counted),
        *indexing(CHURN * images, switches),
    )


def indexing(images: float, switches: Switches) -> Bill:
    """Upload and index this many images, once."""
    seconds = (GRAVITON * INDEX_MS + S3_MS + QDRANT_MS) / 1000
    lines = [
        Line("S3", "uploads and thumbnails", "s3_write", S3_WRITES * images),
        Line("S3", "reads", "s3_read", S3_READS * images),
        Line("SQS", "changes", "sqs_request", SQS_REQUESTS * images),
        Line("Lambda", "embed", "lambda_request", images),
        Line("Lambda", "embed", "lambda_arm_gb_second", images * seconds * EMBED_GB),
        Line("CloudWatch", "logs", "logs_gb", images * LOG_KB / GB),
        Line("X-Ray", "traces", "xray_trace", TRACED * images),
        Line("Data transfer", "points to Qdrant", "data_out_gb", images * POINT_KB / GB),
    ]
    if switches.moderation:
        lines.append(Line("Rekognition", "moderation", "rekognition_image", images))
    return tuple(lines)


def retraining(images: float, training_minutes: float) -> Bill:
    """Train once, embed the whole catalogue anew beside the live model, switch."""
    seconds = (GRAVITON * INDEX_MS + S3_MS + QDRANT_MS) / 1000
    children = math.ceil(images / FILL_BATCH)
    hours = SPOT * (training_minutes / 60 + START_HOURS)
    return (
        Line("SageMaker", "ml.g5.xlarge, spot", "training_hour", hours),
        Line("Step Functions", "children of the map", "step_transition",
             20 + FILL_TRANSITIONS * children),
        Line("Lambda", "fill", "lambda_request", children),
        Line("Lambda", "fill", "lambda_arm_gb_second", images * seconds * LARGE_GB),
        Line("S3", "reads", "s3_read", S3_READS * images),
        Line("S3", "thumbnails and listing", "s3_write", images + math.ceil(images / 1000)),
        Line("CloudWatch", "logs", "logs_gb", images * LOG_KB / GB),
        Line("Data transfer", "points to Qdrant", "data_out_gb", images * POINT_KB / GB),
    )  # fmt: skip


def month(images: float, searches: float, switches: Switches) -> Bill:
    """Everything but the vector database, and but what is done once."""
    parts = standing(switches) + measured(switches)
    return parts + keeping(images, switches) + answering(searches, switches)
