import logging
import sys
import warnings
from pathlib import Path

from local.function_log import FunctionLog, diverted


def test_what_is_printed_logged_and_warned_goes_to_the_file_until_the_end(tmp_path: Path) -> None:
    stdout = sys.stdout

    with diverted(tmp_path / "a.log") as terminal:
        sys.stdout.write("printed\n")
        logging.getLogger("anything").warning("logged")
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn("warned", stacklevel=1)
        assert terminal is stdout

    assert sys.stdout is stdout
    said = (tmp_path / "a.log").read_text()
    assert "printed\n" in said
    assert "WARNING anything logged\n" in said
    assert "warned" in said


def test_the_log_never_grows_much_beyond_its_size(tmp_path: Path) -> None:
    log = FunctionLog(tmp_path / "a.log", max_bytes=1000)

    for number in range(200):
        log.write(f"line {number:03} with a name that is no text: \udcff\n")
    log.close()
    log.write("a straggler")

    assert {path.name for path in tmp_path.iterdir()} == {"a.log", "a.old.log"}
    assert all(path.stat().st_size < 1100 for path in tmp_path.iterdir())
    assert "line 199" in (tmp_path / "a.log").read_text() + (tmp_path / "a.old.log").read_text()
