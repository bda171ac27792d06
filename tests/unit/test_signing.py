"""Keys that rotate, that outlive trouble, and that two processes agree on."""

import json
import os
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from moto import mock_aws

from lookalike import wiring
from lookalike.errors import DependencyError, SigningKeysUnavailable
from lookalike.naming import LIFETIME, Naming
from lookalike.signing import KEPT_SECONDS, LOOK_AGAIN_SECONDS, Keyring, SigningFile, SigningKeys
from lookalike.tokens import RefusedToken

OLD = "an old key of thirty-two characters or more"
NEW = "a new key of thirty-two characters or more"
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


class Shelf:
    """Where keys lie; it can be out of reach, and it counts how often it was asked."""

    def __init__(self, **keys: str) -> None:
        self.document: dict[str, str] = keys
        self.reachable = True
        self.asked = 0
        self.seconds = 1_000.0

    def read(self) -> Keyring:
        self.asked += 1
        if not self.reachable:
            raise SigningKeysUnavailable("out of reach")
        return Keyring.of(self.document)

    def keys(self) -> SigningKeys:
        return SigningKeys(self.read, lambda: self.seconds)


def test_keys_are_read_once_for_many_answers() -> None:
    shelf = Shelf(current="k1", k1=OLD)
    keys = shelf.keys()

    assert {keys.current() for _ in range(100)} == {("k1", OLD.encode())}
    assert shelf.asked == 1


def test_a_key_that_was_made_current_signs_soon_and_the_old_one_still_verifies() -> None:
    shelf = Shelf(current="k1", k1=OLD)
    keys = shelf.keys()
    keys.current()

    shelf.document = {"current": "k2", "k2": NEW, "k1": OLD}
    shelf.seconds += KEPT_SECONDS

    assert keys.current() == ("k2", NEW.encode())
    assert keys.find("k1") == OLD.encode()


def test_whoever_meets_a_new_key_looks_for_it_at_once() -> None:
    shelf = Shelf(current="k1", k1=OLD)
    keys = shelf.keys()
    keys.current()
    shelf.document = {"current": "k2", "k2": NEW, "k1": OLD}

    shelf.seconds += LOOK_AGAIN_SECONDS

    assert keys.find("k2") == NEW.encode()


def test_made_up_key_ids_do_not_make_us_ask_each_time() -> None:
    shelf = Shelf(current="k1", k1=OLD)
    keys = shelf.keys()

    assert all(keys.find(f"made-up-{number}") is None for number in range(1_000))
    assert shelf.asked == 1


def test_keys_once_read_outlive_trouble() -> None:
    shelf = Shelf(current="k1", k1=OLD)
    keys = shelf.keys()
    keys.current()

    shelf.reachable = False
    shelf.seconds += 10 * KEPT_SECONDS

    assert [keys.current() for _ in range(50)] == [("k1", OLD.encode())] * 50
    assert shelf.asked == 2
    shelf.reachable = True
    shelf.document = {"current": "k2", "k2": NEW}
    shelf.seconds += LOOK_AGAIN_SECONDS
    assert keys.current()[0] == "k2"


def test_without_any_key_an_answer_goes_out_unsigned_and_nobody_waits_again_and_again() -> None:
    shelf = Shelf(current="k1", k1=OLD)
    shelf.reachable = False
    naming = Naming(shelf.keys())

    names = {naming.mint("m", "p", None, []) for _ in range(20)}

    assert len(names) == 20
    assert shelf.asked == 1
    with pytest.raises(DependencyError):
        naming.keys.current()
    with pytest.raises(RefusedToken, match="malformed_query"):
        naming.read(names.pop())
    shelf.reachable = True
    shelf.seconds += LOOK_AGAIN_SECONDS
    assert naming.read(naming.mint("m", "p", None, [])).model == "m"


def test_an_answer_that_no_token_can_hold_goes_out_all_the_same() -> None:
    assert len(Naming(Shelf(current="k1", k1=OLD).keys()).mint("m" * 300, "p", None, [])) == 36


def test_keys_are_read_anew_after_a_snapshot() -> None:
    shelf = Shelf(current="k1", k1=OLD)
    keys = shelf.keys()
    keys.current()

    keys.expire()
    keys.current()

    assert shelf.asked == 2


def test_a_name_is_good_for_a_day() -> None:
    now = NOON
    naming = Naming(Shelf(current="k1", k1=OLD).keys(), lambda: now)
    token = naming.mint("m", "p", None, [])

    now = NOON + LIFETIME - timedelta(seconds=1)
    naming.read(token)
    now = NOON + LIFETIME
    with pytest.raises(RefusedToken, match="expired_query"):
        naming.read(token)


def test_no_two_answers_have_one_name() -> None:
    naming = Naming(Shelf(current="k1", k1=OLD).keys(), lambda: NOON)

    assert len({naming.read(naming.mint("m", "p", None, [])).query_id for _ in range(100)}) == 100


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        "k1",
        {},
        {"current": "k1"},
        {"k1": OLD},
        {"current": "k2", "k1": OLD},
        {"current": "k1", "k1": "short"},
        {"current": "k1", "k1": 17},
        {"current": ["k1"], "k1": OLD},
        {"current": "current"},
    ],
)
def test_a_keyring_of_another_form_is_refused(document: object) -> None:
    with pytest.raises((ValueError, TypeError, KeyError)):
        Keyring.of(document)


def test_a_file_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    file = SigningFile(tmp_path / "data" / "signing.json")

    first = file.read()

    assert file.read() == first
    assert SigningFile(tmp_path / "other.json").read() != first
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert [path.name for path in file.path.parent.iterdir()] == ["signing.json"]


def test_a_file_is_made_also_where_there_are_no_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError("this file system has no links")

    monkeypatch.setattr(os, "link", refuse)
    file = SigningFile(tmp_path / "signing.json")

    assert file.read() == file.read()
    assert [path.name for path in tmp_path.iterdir()] == ["signing.json"]


def test_processes_that_race_agree_on_one_key(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from lookalike.signing import SigningFile; "
        "sys.stdin.read(); print(SigningFile(Path(sys.argv[1])).read().keys)"
    )
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", script, tmp_path / "data" / "signing.json"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(6)
    ]
    said = {racer.communicate("go")[0] for racer in racers}

    assert len(said) == 1
    assert "k1" in said.pop()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"current": "k1", "k1": "the secret part"}'])
def test_a_broken_file_is_named_and_never_quoted(tmp_path: Path, content: str) -> None:
    (tmp_path / "signing.json").write_text(content)

    with pytest.raises(SigningKeysUnavailable, match=r"signing\.json") as error:
        SigningFile(tmp_path / "signing.json").read()
    assert "the secret part" not in str(error.value)


def test_a_folder_that_cannot_be_written_is_a_dependency_in_trouble(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(SigningKeysUnavailable):
        SigningFile(tmp_path / "file" / "signing.json").read()


def test_a_secret_holds_keys_in_the_same_form(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOOKALIKE_SIGNING_KEYS", "secret://lookalike/signing")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    wiring.forget()
    with mock_aws():
        document = json.dumps({"current": "k1", "k1": OLD})
        store = wiring.aws("secretsmanager")
        store.create_secret(Name="lookalike/signing", SecretString=document)
        naming = wiring.naming()
        token = naming.mint("m", "p", None, [])

        store.put_secret_value(
            SecretId="lookalike/signing",
            SecretString=json.dumps({"current": "k2", "k2": NEW, "k1": OLD}),
        )
        wiring.renew()

        assert naming.keys.current()[0] == "k2"
        assert naming.read(token).model == "m"
    wiring.forget()
