"""The lake: what people did arrives as the table says, under limits, and only by one way."""

import json
from collections.abc import Callable
from typing import Any

import duckdb
import pytest
from aws_cdk.assertions import Match, Template

from infra.environment import environment, environments
from lookalike.interaction_log import COLUMNS
from lookalike.signing import Keyring

Resources = Callable[[str], dict[str, Any]]
KEY = {"Fn::GetAtt": ["StorageKeyBAA9457B", "Arn"]}
SPEAKING = {"int": "INTEGER", "double": "DOUBLE", "string": "VARCHAR", "timestamp": "TIMESTAMP"}


def every(resources: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [one["Properties"] for one in resources.values() if one["Type"] == kind]


def only(resources: dict[str, Any], kind: str) -> dict[str, Any]:
    (found,) = every(resources, kind)
    return found


def destination(resources: dict[str, Any]) -> dict[str, Any]:
    stream = only(resources, "AWS::KinesisFirehose::DeliveryStream")
    found: dict[str, Any] = stream["ExtendedS3DestinationConfiguration"]
    return found


def table(resources: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = only(resources, "AWS::Glue::Table")["TableInput"]
    return found


def plain(value: Any) -> str:
    """A value of the template as one text, references by their logical ids."""
    if isinstance(value, str):
        return value
    if "Fn::Join" in value:
        between, parts = value["Fn::Join"]
        return str(between).join(plain(part) for part in parts)
    name = value.get("Ref") or ".".join(value["Fn::GetAtt"])
    return f"<{name}>"


def statements(resources: dict[str, Any], role: str) -> list[dict[str, Any]]:
    """What the policies of roles whose logical id begins so allow."""
    return [
        statement
        for policy in every(resources, "AWS::IAM::Policy")
        for one in policy["Roles"]
        if one["Ref"].startswith(role)
        for statement in policy["PolicyDocument"]["Statement"]
    ]


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@pytest.mark.parametrize("name", environments())
def test_the_table_has_the_columns_that_the_code_writes(resources: Resources, name: str) -> None:
    columns = table(resources(name))["StorageDescriptor"]["Columns"]

    assert {one["Name"]: one["Type"] for one in columns} == COLUMNS


def test_athena_looks_for_a_day_where_firehose_writes_it(resources: Resources) -> None:
    made = resources("prod")
    bucket = plain(destination(made)["BucketARN"])
    parameters = table(made)["Parameters"]
    written = destination(made)["Prefix"].replace("!{timestamp:yyyy-MM-dd}", "${dt}")

    looked_for = plain(parameters["storage.location.template"])

    assert looked_for == f"s3://{bucket.replace('.Arn', '')}/{written}"
    assert written == "interactions/dt=${dt}/"
    assert parameters["projection.dt.format"] == "yyyy-MM-dd"
    assert parameters["projection.dt.range"].endswith(",NOW")
    assert table(made)["PartitionKeys"] == [{"Name": "dt", "Type": "string"}]
    assert not every(made, "AWS::Glue::Crawler")


def test_rows_that_could_not_be_written_are_kept_where_no_query_finds_them(
    resources: Resources,
) -> None:
    made = resources("prod")

    assert destination(made)["ErrorOutputPrefix"].startswith("failed/!{firehose:error-output-type}")
    assert plain(table(made)["StorageDescriptor"]["Location"]).endswith("/interactions/")
    assert destination(made)["CloudWatchLoggingOptions"]["Enabled"] is True


def test_json_lines_become_parquet_of_the_table_within_about_a_minute(template: Template) -> None:
    template.has_resource_properties(
        "AWS::KinesisFirehose::DeliveryStream",
        {
            "DeliveryStreamType": "DirectPut",
            "ExtendedS3DestinationConfiguration": {
                "BufferingHints": {"IntervalInSeconds": 60, "SizeInMBs": 64},
                "CompressionFormat": "UNCOMPRESSED",
                "DataFormatConversionConfiguration": {
                    "Enabled": True,
                    "InputFormatConfiguration": {"Deserializer": {"OpenXJsonSerDe": {}}},
                    "OutputFormatConfiguration": {
                        "Serializer": {"ParquetSerDe": {"Compression": "SNAPPY"}}
                    },
                    "SchemaConfiguration": {
                        "DatabaseName": {"Ref": Match.string_like_regexp("LakeDatabase")},
                        "TableName": {"Ref": Match.string_like_regexp("LakeTable")},
                        "VersionId": "LATEST",
                    },
                },
            },
        },
    )


@pytest.mark.parametrize("name", environments())
def test_firehose_may_write_rows_and_failures_and_read_nothing_but_the_table(
    resources: Resources, name: str
) -> None:
    allowed = {
        (action, plain(resource).split(".Arn>")[-1].split("<AWS::AccountId>:")[-1])
        for statement in statements(resources(name), "InteractionsDeliveryRole")
        for action in listed(statement["Action"])
        for resource in listed(statement["Resource"])
    }

    objects, bucket = {"s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"}, ""
    look = {"glue:GetTable", "glue:GetTableVersion", "glue:GetTableVersions"}
    database, its_table = "<InteractionsLakeDatabase2F6B0367>", "<InteractionsLakeTable7935ADB1>"
    assert allowed == {
        *((action, keys) for action in objects for keys in ("/interactions/*", "/failed/*")),
        ("s3:GetBucketLocation", bucket),
        ("s3:ListBucket", bucket),
        ("s3:ListBucketMultipartUploads", bucket),
        ("kms:Decrypt", bucket),
        ("kms:GenerateDataKey", bucket),
        *((action, "catalog") for action in look),
        *((action, f"database/{database}") for action in look),
        *((action, f"table/{database}/{its_table}") for action in look),
        (
            "logs:PutLogEvents",
            "log-group:<InteractionsDeliveryLogs89BA3D39>:log-stream:<InteractionsDeliveryS3B18E82AB>",
        ),
    }


def test_no_other_account_can_make_firehose_use_this_role(template: Template) -> None:
    template.has_resource_properties(
        "AWS::IAM::Role",
        {
            "AssumeRolePolicyDocument": {
                "Statement": [
                    {
                        "Action": "sts:AssumeRole",
                        "Effect": "Allow",
                        "Principal": {"Service": "firehose.amazonaws.com"},
                        "Condition": {
                            "StringEquals": {"sts:ExternalId": {"Ref": "AWS::AccountId"}}
                        },
                    }
                ]
            }
        },
    )


@pytest.mark.parametrize("name", environments())
def test_only_the_interactions_function_appends_and_it_can_do_no_more(
    resources: Resources, name: str
) -> None:
    made = resources(name)
    (stream,) = (key for key, one in made.items() if "DeliveryStream" in one["Type"])

    may_append = [
        (policy["Roles"], statement)
        for policy in every(made, "AWS::IAM::Policy")
        for statement in policy["PolicyDocument"]["Statement"]
        if any(action.startswith("firehose:") for action in listed(statement["Action"]))
    ]

    ((roles, statement),) = may_append
    assert [one["Ref"].startswith("FunctionsInteractionsRole") for one in roles] == [True]
    assert statement == {
        "Action": "firehose:PutRecordBatch",
        "Effect": "Allow",
        "Resource": {"Fn::GetAtt": [stream, "Arn"]},
    }


@pytest.mark.parametrize("name", environments())
def test_what_is_personal_is_encrypted_wherever_it_lies(resources: Resources, name: str) -> None:
    made = resources(name)
    stream = only(made, "AWS::KinesisFirehose::DeliveryStream")
    results = only(made, "AWS::Athena::WorkGroup")["WorkGroupConfiguration"]["ResultConfiguration"]

    assert stream["DeliveryStreamEncryptionConfigurationInput"] == {"KeyType": "AWS_OWNED_CMK"}
    encryption = destination(made)["EncryptionConfiguration"]
    assert encryption == {"KMSEncryptionConfig": {"AWSKMSKeyARN": KEY}}
    assert results["EncryptionConfiguration"] == {"EncryptionOption": "SSE_KMS", "KmsKey": KEY}


def test_a_query_costs_a_dollar_at_most_and_its_asker_cannot_say_otherwise(
    template: Template,
) -> None:
    template.has_resource_properties(
        "AWS::Athena::WorkGroup",
        {
            "WorkGroupConfiguration": {
                "EnforceWorkGroupConfiguration": True,
                "BytesScannedCutoffPerQuery": 200_000_000_000,
                "PublishCloudWatchMetricsEnabled": True,
            }
        },
    )


def test_results_are_gone_after_a_week(template: Template) -> None:
    template.has_resource_properties(
        "AWS::S3::Bucket",
        {
            "LifecycleConfiguration": {
                "Rules": Match.array_with(
                    [
                        {
                            "Id": "athena-results",
                            "Prefix": "athena/",
                            "ExpirationInDays": 7,
                            "Status": "Enabled",
                        }
                    ]
                )
            }
        },
    )


def test_what_can_be_counted_is_there_to_click_on_by_day_week_and_month(
    resources: Resources,
) -> None:
    made = resources("dev")
    queries = every(made, "AWS::Athena::NamedQuery")

    assert {one["Name"] for one in queries} == {
        *(
            f"{what} by {when}"
            for what in ("CTR", "Query CTR", "Time spent", "Sponsored share")
            for when in ("day", "week", "month")
        ),
        "CTR by position",
    }
    (workgroup,) = (key for key, one in made.items() if one["Type"] == "AWS::Athena::WorkGroup")
    (database,) = (key for key, one in made.items() if one["Type"] == "AWS::Glue::Database")
    assert all(one["WorkGroup"] == {"Ref": workgroup} for one in queries)
    assert all(one["Database"] == {"Ref": database} for one in queries)


def test_every_named_query_runs_over_the_columns_of_the_table(resources: Resources) -> None:
    made = resources("dev")
    columns = [
        *table(made)["StorageDescriptor"]["Columns"],
        *table(made)["PartitionKeys"],
    ]
    speaking = ", ".join(f"{one['Name']} {SPEAKING[one['Type']]}" for one in columns)
    with duckdb.connect() as engine:
        engine.execute(f"create table {table(made)['Name']} ({speaking})")

        for query in every(made, "AWS::Athena::NamedQuery"):
            found = engine.execute(query["QueryString"])
            value = [name for name, *_ in found.description].index("value")

            assert [row[value] for row in found.fetchall()] == [None], query["Name"]


@pytest.mark.parametrize("name", environments())
def test_the_first_key_is_one_that_the_code_signs_with(resources: Resources, name: str) -> None:
    generate = only(resources(name), "AWS::SecretsManager::Secret")["GenerateSecretString"]
    letters = "x" * generate["PasswordLength"]

    document = json.loads(generate["SecretStringTemplate"]) | {
        generate["GenerateStringKey"]: letters
    }

    assert Keyring.of(document) == Keyring("k1", {"k1": letters.encode()})


@pytest.mark.parametrize("name", environments())
def test_no_deployment_makes_the_keys_anew(resources: Resources, name: str) -> None:
    """When any of this changes, CloudFormation writes a new secret over whatever keys there are."""
    secret = only(resources(name), "AWS::SecretsManager::Secret")

    assert secret["Name"] == f"lookalike/{name}/signing"
    assert secret["GenerateSecretString"] == {
        "SecretStringTemplate": '{"current": "k1"}',
        "GenerateStringKey": "k1",
        "PasswordLength": 64,
        "ExcludePunctuation": True,
    }


@pytest.mark.parametrize("name", environments())
def test_the_keys_outlive_a_protected_stack_and_no_other(resources: Resources, name: str) -> None:
    (secret,) = (
        one for one in resources(name).values() if one["Type"] == "AWS::SecretsManager::Secret"
    )

    kept = environment(name).protected
    assert secret["DeletionPolicy"] == ("Retain" if kept else "Delete")


@pytest.mark.parametrize("name", environments())
def test_only_who_names_answers_and_who_reads_names_gets_the_keys(
    resources: Resources, name: str
) -> None:
    made = resources(name)
    (secret,) = (key for key, one in made.items() if one["Type"] == "AWS::SecretsManager::Secret")

    readers = {
        role["Ref"].removeprefix("Functions").split("Role")[0]
        for policy in every(made, "AWS::IAM::Policy")
        for statement in policy["PolicyDocument"]["Statement"]
        if {"Ref": secret} in listed(statement["Resource"])
        for role in policy["Roles"]
    }

    assert readers == {"Search", "Interactions"}
    told = {
        function["Description"].split(": ")[-1]
        for function in every(made, "AWS::Lambda::Function")
        if (
            function.get("Environment", {}).get("Variables", {}).get("LOOKALIKE_SIGNING_KEYS")
            == {"Fn::Join": ["", ["secret://", {"Ref": secret}]]}
        )
    }
    assert told == {"search", "interactions"}
