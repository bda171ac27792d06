"""Lets GitHub Actions deploy, without a key: docs/github_actions.md has the command.

An app of its own, for it is deployed by hand and once: what deploys must not be able to change who
may deploy. `-c provider=existing` where the account knows GitHub already; it may know it once only.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "1")
os.environ.setdefault("JSII_SILENCE_WARNING_DEPRECATED_NODE_VERSION", "1")

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from cdk_nag import AwsSolutionsChecks
from constructs import Construct

from infra.environment import Environment, UnknownEnvironment, environment
from infra.permissions import allow

FLAGS = Path(__file__).parent.parent / "cdk.json"
ISSUER = "token.actions.githubusercontent.com"
AUDIENCE = "sts.amazonaws.com"  # what configure-aws-credentials asks for
DEPLOYING = ("deploy", "file-publishing", "image-publishing", "lookup")  # roles of `cdk bootstrap`
COMPARING = ("lookup",)  # may read, though not what a KMS key of ours encrypts


class GitHubAccess(cdk.Stack):
    """What GitHub may do in the account of one environment.

    deploy: jobs of the repository in GitHub's environment of the same name, whose reviewers have
    let them through. diff: its pull requests, for environments that are not protected. Either may
    only take on roles of `cdk bootstrap`.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        chosen: Environment,
        provider_exists: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(scope, id, **options)
        self.chosen = chosen
        self.provider_arn = (
            f"arn:{cdk.Aws.PARTITION}:iam::{self.account}:oidc-provider/{ISSUER}"
            if provider_exists
            else self._provider()
        )
        deploy = self._role("deploy", f"environment:{chosen.name}", DEPLOYING)
        cdk.CfnOutput(self, "DeployRole", value=deploy.role_arn)
        if not chosen.protected:
            diff = self._role("diff", "pull_request", COMPARING)
            cdk.CfnOutput(self, "DiffRole", value=diff.role_arn)

    def _provider(self) -> str:
        """Kept when the stack goes: other repositories may rely on it."""
        provider = iam.CfnOIDCProvider(
            self, "GitHub", url=f"https://{ISSUER}", client_id_list=[AUDIENCE]
        )
        provider.apply_removal_policy(cdk.RemovalPolicy.RETAIN)
        return provider.attr_arn

    def _role(self, what: str, job: str, bootstrap_roles: tuple[str, ...]) -> iam.Role:
        """job: how GitHub's subject ends. It is compared whole, never as a pattern."""
        subject = f"repo:{self.chosen.github.repository}:{job}"
        role = iam.Role(
            self,
            what.capitalize(),
            role_name=f"lookalike-{self.chosen.name}-github-{what}",
            description=f"Lookalike {self.chosen.name}: GitHub Actions, to {what}.",
            assumed_by=iam.WebIdentityPrincipal(
                self.provider_arn,
                {"StringEquals": {f"{ISSUER}:sub": subject, f"{ISSUER}:aud": AUDIENCE}},
            ),
        )
        allow(role, ["sts:AssumeRole"], *(self._bootstrap_role(name) for name in bootstrap_roles))
        return role

    def _bootstrap_role(self, name: str) -> str:
        qualifier = self.synthesizer.bootstrap_qualifier or "hnb659fds"
        role = f"cdk-{qualifier}-{name}-role-{self.account}-{self.region}"
        return f"arn:{cdk.Aws.PARTITION}:iam::{self.account}:role/{role}"


def app(
    chosen: Environment, outdir: str | None = None, *, provider_exists: bool = False
) -> cdk.App:
    if not chosen.github.repository:
        raise UnknownEnvironment(
            f'{chosen.name}.toml: set github.repository = "OWNER@ID/NAME@ID"; '
            "docs/github_actions.md says how"
        )
    flags = json.loads(FLAGS.read_text())["context"]  # Python does not load them by itself
    made = cdk.App(context=flags, outdir=outdir)
    GitHubAccess(
        made,
        f"LookalikeGitHub-{chosen.name}",
        chosen=chosen,
        provider_exists=provider_exists or made.node.try_get_context("provider") == "existing",
        env=cdk.Environment(account=chosen.account or None, region=chosen.region or None),
        termination_protection=chosen.protected,
        description=f"Lets GitHub Actions deploy Lookalike ({chosen.name}).",
    )
    cdk.Validations.of(made).add_plugins(AwsSolutionsChecks(made))
    return made


def main() -> None:
    try:
        app(environment(cdk.App().node.try_get_context("env") or "")).synth()
    except UnknownEnvironment as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
