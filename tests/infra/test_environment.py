"""The environment files: what is wrong in one is said before anything is made."""

from pathlib import Path

import pytest

from infra.environment import UnknownEnvironment, environment, environments

SMALLEST = 'protected = false\n[qdrant]\nsecret = "lookalike/qdrant"\n'


def said(folder: Path, text: str) -> str:
    (folder / "mine.toml").write_text(text)
    with pytest.raises(UnknownEnvironment) as refused:
        environment("mine", folder)
    return str(refused.value)


@pytest.mark.parametrize("name", environments())
def test_the_files_that_come_with_it_are_in_order(name: str) -> None:
    assert environment(name).name == name


def test_a_name_nobody_knows_is_answered_with_the_choices() -> None:
    with pytest.raises(UnknownEnvironment) as refused:
        environment("production")

    assert "'production'" in str(refused.value)
    assert "dev, prod, staging" in str(refused.value)


def test_no_name_at_all_is_answered_with_the_choices() -> None:
    with pytest.raises(UnknownEnvironment, match="choose one of dev, prod, staging: -c env=dev"):
        environment("")


def test_a_secret_is_all_that_an_environment_must_say(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(SMALLEST)

    assert environment("mine", tmp_path).qdrant.secret == "lookalike/qdrant"


def test_another_account_is_a_value_in_the_file(tmp_path: Path) -> None:
    head = 'account = "123456789012"\nregion = "eu-west-1"\n'
    (tmp_path / "mine.toml").write_text(head + SMALLEST)

    chosen = environment("mine", tmp_path)

    assert (chosen.account, chosen.region) == ("123456789012", "eu-west-1")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("not toml", "mine.toml is not TOML"),
        ("protected = false\n", "qdrant: Field required"),
        (SMALLEST + "[ingest]\nconcurency = 3\n", "ingest.concurency: Extra inputs"),
        (SMALLEST + "[ingest]\nconcurrency = 1\n", "ingest.concurrency: Input should be greater"),
        (SMALLEST + "[retention]\nlogs = 8\n", "retention.logs: Input should be 1, 3, 5"),
        (SMALLEST + "[search]\nexploration = 1.5\n", "search.exploration: Input should be less"),
        (SMALLEST + '[learning]\nschedule = "weekly"\n', "learning.schedule: String should match"),
        (SMALLEST + '[api]\norigins = ["*"]\n', "api.origins.0: String should match"),
        (SMALLEST + '[api]\ndomain = "api.example.com"\n', "give domain and certificate_arn"),
        (SMALLEST + "[learning]\nmax_runtime_hours = 48\n", "max_wait_hours must be at least"),
        ('account = "1"\n' + SMALLEST, "account: String should match"),
        ('account = "123456789012"\n' + SMALLEST, "give account and region together"),
        ('name = "other"\n' + SMALLEST, "leave it out"),
        (SMALLEST.replace("false", "true"), "needs qdrant.read_secret"),
    ],
)
def test_a_mistake_is_named_by_its_place(tmp_path: Path, text: str, words: str) -> None:
    assert words in said(tmp_path, text)


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    told = said(tmp_path, SMALLEST + "[ingest]\nconcurrency = 0\n[retention]\nlogs = 8\n")

    assert "ingest.concurrency" in told
    assert "retention.logs" in told
