"""The promises of a Lookalike, against a deployment (`--env dev`) or this laptop."""

from collections.abc import Iterator

import pytest

from .cloud import NotReachable, cloud
from .laptop import laptop
from .pictures import altered, draw, half_and_half, jpeg
from .place import Place
from .run import Run

MEASURED = pytest.StashKey[list[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--env",
        default="",
        help="tests/conformance: the environment that is deployed, such as dev; '' = this laptop",
    )


@pytest.fixture(scope="session")
def place(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    # Without a path on the command line pytest reads this file too late to offer its option.
    name = pytestconfig.getoption("env", "")
    if name:
        try:
            deployed = cloud(name)
        except NotReachable as error:
            pytest.exit(str(error), returncode=2)
        yield deployed
    else:
        with laptop(tmp_path_factory.mktemp("laptop")) as here:
            yield here


@pytest.fixture(scope="session")
def run(place: Place, pytestconfig: pytest.Config) -> Iterator[Run]:
    made = Run(place)
    pytestconfig.stash[MEASURED] = made.measured
    yield made
    made.clean()


@pytest.fixture(scope="session")
def gallery(run: Run) -> dict[str, str]:
    """Keys of four pictures with the tag of this run: two, one like the second, one of both."""
    left, right = draw(f"{run.id} left"), draw(f"{run.id} right")
    pictures = {
        "left": left,
        "right": right,
        "like right": altered(right),
        "both": half_and_half(left, right),
    }
    keys = {
        name: run.put(f"gallery/{name}.jpg", jpeg(picture), tags=[run.tag])
        for name, picture in pictures.items()
    }
    run.wait_for(*keys.values())
    run.until("they have their tag", lambda: len(run.listed(tag=run.tag)) == len(keys))
    return keys


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    for words in config.stash.get(MEASURED, []):
        terminalreporter.write_line(words)
