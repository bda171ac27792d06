"""From the interactions function to Parquet in S3: the Firehose stream and its role."""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesisfirehose as firehose
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.environment import Environment
from infra.lake import ROWS, Lake
from infra.permissions import allow, use_key
from infra.storage import Storage

FAILED = "failed/"  # rows that are none, or that could not be written as Parquet
BUFFER_MB = 64  # the least that Firehose makes Parquet of
BUFFER_SECONDS = 60  # files a minute apart; less would make more and smaller ones
DAY = "dt=!{timestamp:yyyy-MM-dd}/"  # UTC, of when the oldest record in the file arrived


class Delivery(Construct):
    """Takes JSON lines directly and costs nothing while none come."""

    def __init__(
        self, scope: Construct, id: str, *, environment: Environment, storage: Storage, lake: Lake
    ) -> None:
        super().__init__(scope, id)
        self.log_group = logs.LogGroup(
            self,
            "Logs",
            log_group_name=f"/lookalike/{environment.name}/delivery",
            removal_policy=(
                cdk.RemovalPolicy.RETAIN if environment.protected else cdk.RemovalPolicy.DESTROY
            ),
        )
        self.log_group.node.default_child.retention_in_days = environment.retention.logs
        self.log_stream = logs.LogStream(
            self,
            "S3",
            log_group=self.log_group,
            log_stream_name="s3",
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        self.role = self._role(environment, storage, lake)
        self.stream = firehose.CfnDeliveryStream(
            self,
            "Stream",
            delivery_stream_name=f"lookalike-{environment.name}-interactions",
            delivery_stream_type="DirectPut",
            # What waits in Firehose, for minutes; in the bucket it is under our own key.
            delivery_stream_encryption_configuration_input=(
                firehose.CfnDeliveryStream.DeliveryStreamEncryptionConfigurationInputProperty(
                    key_type="AWS_OWNED_CMK"
                )
            ),
            extended_s3_destination_configuration=self._destination(storage, lake),
        )
        # Firehose tries the role when the stream is made.
        self.stream.node.add_dependency(self.role, lake.table)

    def _role(self, environment: Environment, storage: Storage, lake: Lake) -> iam.Role:
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal(
                "firehose.amazonaws.com",
                conditions={"StringEquals": {"sts:ExternalId": cdk.Aws.ACCOUNT_ID}},
            ),
            description=f"Lookalike {environment.name}: Firehose writes interactions.",
        )
        bucket = storage.interactions
        allow(
            role,
            ["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"],
            *(bucket.arn_for_objects(f"{prefix}*") for prefix in (ROWS, FAILED)),
        )
        allow(
            role,
            ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"],
            bucket.bucket_arn,
        )
        use_key(role, storage.key, to_write=True)
        glue = f"arn:{cdk.Aws.PARTITION}:glue:{cdk.Aws.REGION}:{cdk.Aws.ACCOUNT_ID}"
        allow(
            role,
            ["glue:GetTable", "glue:GetTableVersion", "glue:GetTableVersions"],
            f"{glue}:catalog",
            f"{glue}:database/{lake.database.ref}",
            f"{glue}:table/{lake.database.ref}/{lake.table.ref}",
        )
        log_stream = f"{self.log_group.log_group_name}:log-stream:{self.log_stream.log_stream_name}"
        here = f"arn:{cdk.Aws.PARTITION}:logs:{cdk.Aws.REGION}:{cdk.Aws.ACCOUNT_ID}"
        allow(role, ["logs:PutLogEvents"], f"{here}:log-group:{log_stream}")
        return role

    def _destination(
        self, storage: Storage, lake: Lake
    ) -> firehose.CfnDeliveryStream.ExtendedS3DestinationConfigurationProperty:
        stream = firehose.CfnDeliveryStream
        return stream.ExtendedS3DestinationConfigurationProperty(
            bucket_arn=storage.interactions.bucket_arn,
            role_arn=self.role.role_arn,
            prefix=f"{ROWS}{DAY}",
            error_output_prefix=f"{FAILED}!{{firehose:error-output-type}}/{DAY}",
            buffering_hints=stream.BufferingHintsProperty(
                interval_in_seconds=BUFFER_SECONDS, size_in_m_bs=BUFFER_MB
            ),
            compression_format="UNCOMPRESSED",  # of the file; Parquet compresses by itself
            encryption_configuration=stream.EncryptionConfigurationProperty(
                kms_encryption_config=stream.KMSEncryptionConfigProperty(
                    awskms_key_arn=storage.key.key_arn
                )
            ),
            cloud_watch_logging_options=stream.CloudWatchLoggingOptionsProperty(
                enabled=True,
                log_group_name=self.log_group.log_group_name,
                log_stream_name=self.log_stream.log_stream_name,
            ),
            data_format_conversion_configuration=_parquet(self.role, lake),
        )


def _parquet(
    role: iam.Role, lake: Lake
) -> firehose.CfnDeliveryStream.DataFormatConversionConfigurationProperty:
    """JSON lines in, the table's columns out. OpenX reads a text without a zone as a timestamp."""
    stream = firehose.CfnDeliveryStream
    return stream.DataFormatConversionConfigurationProperty(
        enabled=True,
        input_format_configuration=stream.InputFormatConfigurationProperty(
            deserializer=stream.DeserializerProperty(
                open_x_json_ser_de=stream.OpenXJsonSerDeProperty()
            )
        ),
        output_format_configuration=stream.OutputFormatConfigurationProperty(
            serializer=stream.SerializerProperty(
                parquet_ser_de=stream.ParquetSerDeProperty(compression="SNAPPY")
            )
        ),
        schema_configuration=stream.SchemaConfigurationProperty(
            catalog_id=cdk.Aws.ACCOUNT_ID,
            database_name=lake.database.ref,
            table_name=lake.table.ref,
            region=cdk.Aws.REGION,
            role_arn=role.role_arn,
            version_id="LATEST",
        ),
    )
