# Holdfast. `make demo` and `make test` set themselves up: python3 (>= 3.11) with venv, make and a package index suffice.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint types floors unit matrix bench conformance docs format lock mutation versions clean

help: ## What there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: $(STAMP) ## Install into .venv (only when something changed)

$(STAMP): pyproject.toml requirements.lock scripts/setup.sh
	@PYTHON="$(PYTHON)" sh scripts/setup.sh "$(VENV)"
	@touch $(STAMP)

demo: $(STAMP) ## Start the simulated rack, break an appliance, watch Holdfast keep its grip
	@$(BIN)/holdfast demo

test: lint types floors unit ## Lint, types, import order, every test but the matrix

lint: $(STAMP)
	@$(BIN)/ruff format --check --quiet src tests benchmarks scripts || { echo "run: make format"; exit 1; }
	@$(BIN)/ruff check --quiet src tests benchmarks scripts

types: $(STAMP)
	@$(BIN)/mypy

floors: $(STAMP)
	@$(BIN)/lint-imports --cache-dir .cache/import-linter

unit: $(STAMP)
	@$(BIN)/python -m pytest -q -n 2 --dist worksteal -m "not matrix"

matrix: $(STAMP) ## The long tables: TrueNAS and iDRAC on every further release, crash reports of every tool
	@$(BIN)/python -m pytest -q -n 2 --dist worksteal -m matrix tests/appliances tests/security

conformance: $(STAMP) ## Foreign MCP clients and Redfish validators (needs npm)
	@$(BIN)/python -m tests.conformance

bench: $(STAMP) ## Measure, print a table, write benchmarks/results/latest.json
	@$(BIN)/python -m benchmarks

versions: $(STAMP) ## The resilience tests with the lowest and the newest allowed pybreaker and tenacity
	@$(BIN)/python -m scripts.resilience_versions -n 2

mutation: $(STAMP) ## Change every line of breaker, executor and gates in turn: do the tests notice? (hours)
	@failed=0; for part in scripts.resilience_mutation tests.control.mutate_gates; do \
		$(BIN)/python -m $$part || failed=1; done; exit $$failed

docs: $(STAMP) ## Generate the catalogue and docs/reference from the registry
	@$(BIN)/python -m holdfast.cli.reference

format: $(STAMP) ## Format and sort
	@$(BIN)/ruff check --quiet --fix src tests benchmarks scripts; $(BIN)/ruff format src tests benchmarks scripts

lock: ## Resolve dependencies anew into requirements.lock (versions and hashes only)
	@sh scripts/lock.sh "$(PYTHON)"

clean: ## Remove what make made
	@rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis benchmarks/results
