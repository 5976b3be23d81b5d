.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

# sam looks for `python3.12` by name, and .venv has it, whatever the machine's own is called.
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export SAM_CLI_TELEMETRY := 0
export AWS_DEFAULT_REGION ?= us-east-1
# Where it is set (in many containers), every process of a test run and of a local cloud would compile all modules again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help: ## Show this list
	@grep -hE '^[a-z][a-z0-9-]*:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

# --- see it work -----------------------------------------------------------------------------------------------------

.PHONY: demo
demo: setup ## Archive a sample library on the cloud on your machine; DEMO_MEDIA=file.mp4 adds a file of yours
	@python -m local demo $(if $(DEMO_MEDIA),--media "$(DEMO_MEDIA)")

# --- checks ----------------------------------------------------------------------------------------------------------

# Three processes on two cores, since many tests wait for a cloud; collecting the tests in a fourth costs more than it saves.
PYTEST_IN_PARALLEL := python -m pytest --numprocesses=3 --dist=loadgroup --durations=10

.PHONY: test
test: setup ## Unit, contract, integration, and nightly runs end to end on the local cloud (two minutes)
	@$(PYTEST_IN_PARALLEL) -m "not slow"

.PHONY: slow
slow: setup ## The tests that take longer, and the property tests with five times the examples (minutes)
	@HYPOTHESIS_PROFILE=thorough $(PYTEST_IN_PARALLEL) -m "slow or hypothesis"

.PHONY: coverage
coverage: setup ## The tests of `make test`, and which lines and branches none of them reaches
	@$(PYTEST_IN_PARALLEL) --cov --cov-report=term-missing:skip-covered

.PHONY: unit
unit: setup ## Only the tests that open no socket (seconds)
	@python -m pytest -q tests/unit tests/contract

.PHONY: chaos
chaos: setup ## Kill the downloader at random moments; SEEDS=500 for more than 50
	@CHAOS_SEEDS=$(or $(SEEDS),50) python -m pytest -q tests/chaos/random_deaths.py

.PHONY: least-privilege
least-privilege: setup ## Take each permission away in turn; rewrites docs/least-privilege.md (two minutes)
	@rm -f .least-privilege.rows
	@LEAST_PRIVILEGE_TABLE=.least-privilege.rows python -m pytest -q tests/e2e/test_least_privilege.py
	@{ cat docs/least-privilege-head.txt; sort .least-privilege.rows; } > docs/least-privilege.md
	@rm -f .least-privilege.rows

.PHONY: big-file
big-file: setup ## Archive one file of GB=12 gigabytes on the local cloud and read it back; first says what it needs
	@python -m tests.e2e.big_file "$(or $(GB),12)"

.PHONY: scale
scale: setup ## Runs of 1,000 and 2,500 videos, ten ways to fail, a throttled night, a full account (half an hour)
	@python -m pytest -q -s tests/e2e/scale.py

.PHONY: check
check: lint types template security docs-check test slow ## Everything that CI checks

.PHONY: format
format: setup ## Format the code and fix what the linter can fix
	@ruff format .
	@ruff check --fix .

.PHONY: lint
lint: setup ## Formatting and lint
	@ruff format --check .
	@ruff check .

.PHONY: types
types: setup ## Static types, strictly
	@mypy

.PHONY: security
security: setup ## checkov, IAM linter, serverless rules, bandit, secret scan, dependency audit
	@gates/run.sh

.PHONY: template
template: setup ## Check the SAM template and the state machine
	@sam validate --lint
	@cfn-lint template.yaml
	@python -m pytest -q --no-header tests/contract

# --- measurements ----------------------------------------------------------------------------------------------------

.PHONY: bench
bench: setup ## Measure the transfer engine beside its peers (about ten minutes)
	@python -m bench

# --- documents -------------------------------------------------------------------------------------------------------

.PHONY: docs
docs: docs-check ## Redraw the pictures and replay the session of docs/local-cloud.md, on local clouds (four minutes)
	@python -m docs.tools.flow_picture docs/flow.svg
	@python -m docs.tools.state_machine_picture docs/state-machine.md
	@python -m docs.tools.dashboard docs/dashboard.png
	@python -m docs.tools.rehearsal

.PHONY: docs-check
docs-check: setup ## Check that the dashboard can be drawn; installs matplotlib, which nothing else needs (seconds)
	@requirements/docs.sh
	@python -m pytest -q tests/contract/dashboard_picture.py

# --- AWS -------------------------------------------------------------------------------------------------------------

.PHONY: build
build: setup ## Build the functions (sam build); PROFILE=dev picks another section of samconfig.toml
	@sam build --config-env $(or $(PROFILE),default)

.PHONY: deploy
deploy: build ## Deploy to the AWS account of your shell; PROFILE=dev picks another section of samconfig.toml
	@python -m lambda_package.processor --profile $(or $(PROFILE),default)
	@./gopro-sync adopt --check --config-env $(or $(PROFILE),default)
	@sam deploy --config-env $(or $(PROFILE),default)

.PHONY: package
package: setup ## dist/gopro-s3-sync-VERSION.zip: all that CloudFormation alone needs to deploy, and the commands (30 s)
	@python -m lambda_package.stack_package dist

# --- upkeep ----------------------------------------------------------------------------------------------------------

.PHONY: setup
setup: ## Make .venv from the lock files (every target that needs it does this automatically)
	@requirements/setup.sh

.PHONY: lock
lock: setup ## Resolve the requirement files again (needs uv)
	@for name in src/requirements requirements/dev requirements/docs requirements/sam requirements/lambda-runtime; do \
	  uv pip compile --quiet --python .venv/bin/python --no-header --annotation-style line $$name.in -o $$name.txt; done

.PHONY: clean
clean: ## End the local clouds; remove what was built, and .venv
	@requirements/clean.sh
