"""The deployment, as CDK code."""

import os

# Before CDK is imported: it works on Node 20 as well, and need not say otherwise in a dozen lines.
os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "20")
