"""Interactions as a table: Glue says what the Parquet files hold, Athena asks within limits."""

from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_athena as athena
from aws_cdk import aws_glue as glue
from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.environment import Environment
from infra.permissions import allow, use_key
from infra.storage import Storage

ROWS = "interactions/"  # where Firehose writes
RESULTS = "athena/"
RESULT_DAYS = 7
# Before anything was ever deployed. Athena lists every day from here on that a query does not
# leave out.
FIRST_DAY = "2026-11-01"
# What one query may cost: a dollar, at 5 dollars for each terabyte. A year of ten million searches
# a month is 120 GB.
SCANNED_BYTES = 200 * 10**9

# The columns of docs/data_dictionary.md, in its words; a test holds them to what is written.
COLUMNS = {
    "event_id": "string",
    "type": "string",
    "query_id": "string",
    "session_id": "string",
    "anchor_image_id": "string",
    "image_id": "string",
    "position": "int",
    "slot": "string",
    "propensity": "double",
    "model": "string",
    "policy": "string",
    "dwell_ms": "int",
    "issued_at": "timestamp",
    "occurred_at": "timestamp",
    "received_at": "timestamp",
    "source": "string",
    "viewer": "string",
}

REPORTS = Path(__file__).parent.parent / "layers/common/python/lookalike/reports"
METRICS = {
    "CTR": "ctr",
    "Query CTR": "query_ctr",
    "Time spent": "time_spent",
    "Sponsored share": "sponsored_share",
}
INTERVALS = {"day": 30, "week": 182, "month": 365}  # with how many days back it is shown


class Lake(Construct):
    """A database of one table, and a workgroup that whoever may use it cannot make dearer.

    No crawler: the columns are known, and Athena works out the days by itself.
    """

    def __init__(
        self, scope: Construct, id: str, *, environment: Environment, storage: Storage
    ) -> None:
        super().__init__(scope, id)
        self.storage = storage
        name = f"lookalike-{environment.name}"
        self.database = glue.CfnDatabase(
            self,
            "Database",
            catalog_id=cdk.Aws.ACCOUNT_ID,
            database_input=glue.CfnDatabase.DatabaseInputProperty(
                name=name.replace("-", "_"),  # as a word of SQL, without quotes
                description=f"Lookalike {environment.name}: what people did with answers.",
            ),
        )
        self.table = glue.CfnTable(
            self,
            "Table",
            catalog_id=cdk.Aws.ACCOUNT_ID,
            database_name=self.database.ref,
            table_input=_table(f"s3://{storage.interactions.bucket_name}/{ROWS}"),
        )
        self.workgroup = athena.CfnWorkGroup(
            self,
            "Workgroup",
            name=name,
            description=f"Lookalike {environment.name}: questions about interactions.",
            recursive_delete_option=not environment.protected,
            work_group_configuration=_limits(storage),
        )
        storage.interactions.add_lifecycle_rule(
            id="athena-results", prefix=RESULTS, expiration=cdk.Duration.days(RESULT_DAYS)
        )
        self._reports()

    @property
    def location(self) -> str:
        """As LOOKALIKE_REPORTS has it."""
        return f"athena://{self.workgroup.ref}/{self.database.ref}"

    def let_ask(self, who: iam.IGrantable) -> None:
        """Count interactions by SQL: Athena reads and writes in the name of whoever asks it."""
        here = f"{cdk.Aws.REGION}:{cdk.Aws.ACCOUNT_ID}"
        athena, glue = (f"arn:{cdk.Aws.PARTITION}:{one}:{here}" for one in ("athena", "glue"))
        actions = ("StartQueryExecution", "GetQueryExecution", "GetQueryResults")
        allow(
            who,
            [f"athena:{action}" for action in (*actions, "StopQueryExecution")],
            f"{athena}:workgroup/{self.workgroup.ref}",
        )
        allow(
            who,
            # No partition is listed anywhere, but Athena asks before it works them out.
            ["glue:GetDatabase", "glue:GetPartitions", "glue:GetTable"],
            f"{glue}:catalog",
            f"{glue}:database/{self.database.ref}",
            f"{glue}:table/{self.database.ref}/{self.table.ref}",
        )
        bucket = self.storage.interactions
        allow(who, ["s3:GetObject"], *map(bucket.arn_for_objects, (f"{ROWS}*", f"{RESULTS}*")))
        allow(
            who,
            ["s3:AbortMultipartUpload", "s3:ListMultipartUploadParts", "s3:PutObject"],
            bucket.arn_for_objects(f"{RESULTS}*"),
        )
        allow(who, ["s3:GetBucketLocation", "s3:ListBucket"], bucket.bucket_arn)
        use_key(who, self.storage.key, to_write=True)

    def _reports(self) -> None:
        for metric, file in METRICS.items():
            for interval, days in INTERVALS.items():
                since = f"date_trunc('{interval}', current_date - interval '{days}' day)"
                self._report(f"{metric} by {interval}", file, interval=interval, since=since)
        since = "current_date - interval '30' day"
        self._report("CTR by position", "ctr_by_position", since=since)

    def _report(self, name: str, file: str, **asked: str) -> None:
        athena.CfnNamedQuery(
            self,
            name.title().replace(" ", ""),
            name=name,
            database=self.database.ref,
            work_group=self.workgroup.ref,
            query_string=(REPORTS / f"{file}.sql").read_text(encoding="utf-8").format(**asked),
        )


def _table(location: str) -> glue.CfnTable.TableInputProperty:
    hive = "org.apache.hadoop.hive.ql.io.parquet"
    column = glue.CfnTable.ColumnProperty
    return glue.CfnTable.TableInputProperty(
        name="interactions",
        description="One row for each impression, click or dwell: docs/data_dictionary.md.",
        table_type="EXTERNAL_TABLE",
        partition_keys=[column(name="dt", type="string")],
        parameters={
            "classification": "parquet",
            "projection.enabled": "true",
            "projection.dt.type": "date",
            "projection.dt.format": "yyyy-MM-dd",
            "projection.dt.range": f"{FIRST_DAY},NOW",
            "projection.dt.interval": "1",
            "projection.dt.interval.unit": "DAYS",
            "storage.location.template": f"{location}dt=${{dt}}/",
        },
        storage_descriptor=glue.CfnTable.StorageDescriptorProperty(
            columns=[column(name=name, type=type_) for name, type_ in COLUMNS.items()],
            location=location,
            input_format=f"{hive}.MapredParquetInputFormat",
            output_format=f"{hive}.MapredParquetOutputFormat",
            serde_info=glue.CfnTable.SerdeInfoProperty(
                serialization_library=f"{hive}.serde.ParquetHiveSerDe"
            ),
        ),
    )


def _limits(storage: Storage) -> athena.CfnWorkGroup.WorkGroupConfigurationProperty:
    """Results lie beside what they were made from, under the same key: they are as personal."""
    group = athena.CfnWorkGroup
    return group.WorkGroupConfigurationProperty(
        enforce_work_group_configuration=True,
        publish_cloud_watch_metrics_enabled=True,
        bytes_scanned_cutoff_per_query=SCANNED_BYTES,
        result_configuration=group.ResultConfigurationProperty(
            output_location=f"s3://{storage.interactions.bucket_name}/{RESULTS}",
            encryption_configuration=group.EncryptionConfigurationProperty(
                encryption_option="SSE_KMS", kms_key=storage.key.key_arn
            ),
        ),
    )
