.DEFAULT_GOAL := help
SHELL := /bin/bash
BIN := .venv/bin
export SAM_CLI_TELEMETRY := 0
# sam looks for `python3.12` by name.
export PATH := $(CURDIR)/.venv/bin:$(PATH)

.PHONY: help
help: ## Show this list
	@grep -hE '^[a-z][a-z0-9-]*:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

.PHONY: setup
setup: ## Make .venv from the lock files (all other targets do it by themselves)
	@requirements/setup.sh

.PHONY: lock
lock: setup ## Resolve requirements/*.in and src/requirements.in again (needs uv)
	for in in src/requirements requirements/dev requirements/sam requirements/lambda-runtime; do \
	  uv pip compile --quiet --python .venv/bin/python --no-header --annotation-style line $$in.in -o $$in.txt || exit 1; done
