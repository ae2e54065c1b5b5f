# Everything that the project can be asked to do. `make help` lists it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
MODELS := layers/vision/models
# Tools whose own pins conflict with the product's live in environments of their own.
SAM := .tools/sam
CHECKOV := .tools/checkov
# What `make build` builds for: arm64 or x86_64, as the template's parameter Architecture.
ARCHITECTURE ?= arm64
BUILT := .aws-sam/$(ARCHITECTURE)

export SAM_CLI_TELEMETRY := 0

.PHONY: help setup browser test lint docs build size licences requirements demo up down bench bench-audit bench-redact bench-strip bench-worst fuzz
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

$(SAM)/.ready $(CHECKOV)/.ready: .tools/%/.ready: requirements/%.txt
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $<
	touch $@

demo: setup ## Send real photos through the service on this machine, and show what happened to each.
	$(BIN)/python -m local.demo

up: setup ## Run the service on this machine until `make down`.
	$(BIN)/photogate local up

down: setup ## Stop it.
	$(BIN)/photogate local down

lint: setup $(SAM)/.ready $(CHECKOV)/.ready ## Check style, types and the template.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/cfn-lint template.yaml witness.yaml
	$(SAM)/bin/sam validate --lint --region eu-central-1
	$(CHECKOV)/bin/checkov --file template.yaml witness.yaml --framework cloudformation --compact --quiet --skip-download

browser: setup ## Find a browser for the upload page's tests, or install one.
	$(BIN)/python -m tests.e2e.browser

test: lint browser ## Run every test.
	$(BIN)/python -m pytest

build: setup $(SAM)/.ready ## Build layers and functions for Lambda, without Docker. ARCHITECTURE=arm64 or x86_64.
	PYTHON=$(abspath $(BIN)/python) PHOTOGATE_ARCHITECTURE=$(ARCHITECTURE) $(SAM)/bin/sam build --region eu-central-1 \
	  --build-dir $(BUILT) --parameter-overrides Architecture=$(ARCHITECTURE)

size: build ## Print what each function unpacks to, against Lambda's limit.
	$(BIN)/python layers/size.py $(BUILT)/template.yaml

licences: setup $(SAM)/.ready $(CHECKOV)/.ready ## Write docs/licences.md again.
	$(BIN)/python -m docs.make_licences

docs: setup ## Write the generated pages again: API, settings, controls.
	$(BIN)/python -m docs.make_openapi
	$(BIN)/python -m docs.make_settings
	$(BIN)/python -m docs.make_controls

bench-strip: setup ## Measure stripping against ExifTool and others that this machine has.
	PYTHONPATH=shared:. $(BIN)/python bench/strip.py

bench-worst: setup ## Measure the worst inputs that we know: CPU and memory of stripping and inspecting each.
	PYTHONPATH=shared:. $(BIN)/python bench/worst.py

bench-redact: setup ## Measure redaction on labelled photos: DATA=folder, and against deface: DEFACE=/path/to/its/python.
	PYTHONPATH=shared:. $(BIN)/python bench/redaction.py $(DATA) $(if $(DEFACE),--deface $(DEFACE))

fuzz: setup ## Fuzz each parser for a minute.
	$(BIN)/python -m tests.properties.fuzz

requirements: ## Pin the requirements again (needs uv).
	cd requirements && for f in dev sam checkov; do \
	  uv pip compile --quiet --python-version 3.11 --universal --generate-hashes --no-emit-index-url --no-emit-find-links $$f.in -o $$f.txt; done
	cd requirements && for f in photogate vision formats crypto runtime; do \
	  uv pip compile --quiet --python-version 3.13 --python-platform aarch64-manylinux_2_28 --generate-hashes --no-emit-index-url --no-emit-find-links --constraint dev.txt $$f.in -o $$f.txt; done

bench-audit: setup ## Measure the audit log against its numbers.
	PYTHONPATH=shared:. $(BIN)/python bench/audit.py

bench: setup ## Measure the main path on a local cloud: 50 photos one after the other, and 50 at once.
	PYTHONPATH=. $(BIN)/python bench/main_path.py
