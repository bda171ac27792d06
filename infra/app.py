"""The CDK app: `cdk deploy -c env=dev`, or `python -m infra.app dev` to synthesise only.

Needs no account, no Docker and, once the layer is built, no network.
"""

import json
import os
import sys
import time
from pathlib import Path

import aws_cdk as cdk
from cdk_nag import AwsSolutionsChecks

from infra import nag
from infra.environment import Environment, UnknownEnvironment, environment
from infra.lookalike import Lookalike

FLAGS = Path(__file__).parent.parent / "cdk.json"


def app(chosen: Environment, outdir: str | None = None, *, checked: bool = True) -> cdk.App:
    """One stack, Lookalike-<name>. checked: hold it against cdk-nag's AWS Solutions at synthesis.

    Not a cdk.Stage: the command line would not deploy what is nested in one without a pattern.
    """
    flags = json.loads(FLAGS.read_text())["context"]  # the command line loads them; Python does not
    made = cdk.App(context=flags, outdir=outdir)
    stack = Lookalike(
        made,
        f"Lookalike-{chosen.name}",
        environment=chosen,
        env=cdk.Environment(account=chosen.account or None, region=chosen.region or None),
        termination_protection=chosen.protected,
        description=f"Lookalike: visual similarity search ({chosen.name}).",
    )
    for tag, value in {"project": "lookalike", "environment": chosen.name, **chosen.tags}.items():
        cdk.Tags.of(made).add(tag, value)
    nag.acknowledge(stack)
    if checked:
        cdk.Validations.of(made).add_plugins(AwsSolutionsChecks(made))
    return made


def main() -> None:
    given = sys.argv[1] if len(sys.argv) > 1 else None
    started = time.monotonic()
    try:
        chosen = environment(given or cdk.App().node.try_get_context("env") or "")
    except UnknownEnvironment as error:
        sys.exit(str(error))
    assembly = app(chosen, outdir=os.environ.get("CDK_OUTDIR", "cdk.out")).synth()
    seconds = time.monotonic() - started
    print(f"{chosen.name}: {assembly.directory} in {seconds:.1f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
