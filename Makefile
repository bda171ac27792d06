# Every target sets up what it needs. Only Python ≥ 3.11, pip and make must be there.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PICTURES ?=
ENV ?=
# As infra/__init__.py says it, for tests that import CDK first.
export JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION ?= 20
DATA ?= ../shared/data
DEMO := data/fabrics
# Not every shell expands the ~ of PICTURES=~/Pictures.
FOLDER := $(patsubst ~/%,$(HOME)/%,$(PICTURES))

.PHONY: demo test check format simulate fuzz proofs bench bench-training default-encoder synth conformance costs lock clean

ifeq ($(strip $(PICTURES)),)
demo: $(VENV)/.train ## look-alikes in the browser: of PICTURES=~/Pictures, or the story that docs/learning.md tells
	@$(BIN)/python -m local.story "$(DEMO)" || [ $$? -eq 130 ] # Ctrl-C is how it ends
else
demo: $(VENV)/.local
	@$(BIN)/lookalike up "$(FOLDER)" || [ $$? -eq 130 ]
endif

test: check ## every check that CI runs

check: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --cov --cov-report=term:skip-covered -q

format: $(VENV)/.dev
	$(BIN)/ruff check --fix-only -q .
	$(BIN)/ruff format -q .

simulate: $(VENV)/.dev ## 100,000 schedules of changes, crashes and faults: the index equals the store after each
	$(BIN)/python -m tests.simulator

fuzz: $(VENV)/.dev ## 20,000 calls of the API as its document says, 10,000 damaged pictures, bombs
	$(BIN)/python -m tests.attack
	$(BIN)/python -m tests.hostile

proofs: simulate fuzz ## every figure of docs/reliability.md, measured here and now; hours
	$(BIN)/python -m tests.simulator --planted
	$(BIN)/python -m tests.faults
	$(BIN)/python -m tests.load
	$(BIN)/python -m tests.cheats
	$(BIN)/python -m tests.drift

bench: $(VENV)/.dev ## the tables of docs/benchmarks.md, measured here and now
	$(BIN)/python -m tests.bench

bench-training: $(VENV)/.bench ## what training must reach, measured here and now; an hour
	$(BIN)/python -m tests.bench.training --data "$(DATA)"

default-encoder: $(VENV)/.dev ## train the shipped encoder again; hours on a CPU, minutes on a GPU
	$(BIN)/python -m training.default_encoder --data "$(DATA)" --out artifacts/default_encoder

synth: $(VENV)/.cloud ## the CloudFormation template of ENV=dev, staging or prod, in cdk.out/
	@$(BIN)/python -m infra.app "$(ENV)"

conformance: $(VENV)/.conformance ## what is deployed as ENV=dev keeps its promises; without ENV, this laptop
	$(BIN)/python -m pytest tests/conformance -q --env "$(ENV)"

costs: $(VENV)/.cloud ## docs/costs.md, from the prices in infra/prices.toml
	$(BIN)/python -m infra.costs > docs/costs.md

lock: $(VENV)/.cloud ## the versions that functions run on, newest that pyproject.toml allows
	$(BIN)/python -m infra.lock

clean: ## remove what make made; never pictures, nor data folders of your own
	rm -rf $(VENV) build cdk.out artifacts data/fabrics .mypy_cache .ruff_cache .pytest_cache

# The laptop: no torch. A stamp is older than pyproject.toml when something must be installed.
$(VENV)/.local: pyproject.toml
	@test -d $(VENV) || $(PYTHON) -m venv $(VENV)
	@echo "Installing what Lookalike needs into $(VENV) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[local]'
	@touch $@

$(VENV)/.train: pyproject.toml $(VENV)/.local
	@echo "Installing what learning needs, PyTorch for the most part, into $(VENV) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[local,train]'
	@touch $@

$(VENV)/.cloud: pyproject.toml $(VENV)/.local
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[local,cloud]'
	@touch $@

$(VENV)/.conformance: pyproject.toml $(VENV)/.local
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[local,conformance]'
	@touch $@

$(VENV)/.dev: pyproject.toml $(VENV)/.local
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[local,train,cloud,dev]'
	@touch $@

$(VENV)/.bench: pyproject.toml $(VENV)/.dev
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[local,train,cloud,dev,bench]'
	@touch $@
