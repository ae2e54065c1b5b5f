# Everything that the project can be asked to do. `make help` lists it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
MODELS := layers/vision/models

.PHONY: help setup test lint requirements
.DEFAULT_GOAL := help

help: ## List the targets.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: $(VENV)/.ready ## Make the environment: virtual environment, pinned packages, models.

$(VENV)/.ready: requirements/dev.txt pyproject.toml layers/vision/fetch_models.py shared/photogate/vision/models.py
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Photogate needs Python 3.11 or newer; found " + sys.version.split()[0] + ". Set PYTHON=/path/to/python3.")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	$(BIN)/python layers/vision/fetch_models.py $(MODELS)
	touch $@

lint: setup ## Check style and types.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: lint ## Run every test.
	$(BIN)/python -m pytest

requirements: ## Pin the requirements again (needs uv).
	cd requirements && for f in dev; do \
	  uv pip compile --quiet --python-version 3.11 --universal --generate-hashes --no-emit-index-url --no-emit-find-links $$f.in -o $$f.txt; done
