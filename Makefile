# Every target sets up .venv first, from the lock files; the second time that takes no time.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The folder's name is part of the stamp: an environment does not survive being copied or moved.
PLACE := $(shell pwd | cksum | cut -d ' ' -f 1)
STAMP := $(VENV)/ready-$(PLACE)
DOCS_STAMP := $(VENV)/docs-ready-$(PLACE)
INPUTS := pyproject.toml setup.py constraints.txt tools/setup.sh $(wildcard requirements/*.txt)

# Two test processes of one thread each: reductions then always add up in the same order.
ONE_THREAD := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
PYTEST := $(ONE_THREAD) $(BIN)/python -m pytest

export HF_HUB_OFFLINE := 1

.DEFAULT_GOAL := help
.PHONY: help setup verify lint test test-all bench mutants notebooks docs lock clean

help:           ## what each target does
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## ?/make \1\t/' | expand -t 18

setup: $(STAMP) ## create .venv with everything pinned

$(STAMP): $(INPUTS)
	@rm -f $(VENV)/ready-*
	@tools/setup.sh "$(PYTHON)" "$(VENV)" "$(firstword $(MAKECMDGOALS))"
	@touch $@

$(DOCS_STAMP): $(STAMP)
	@tools/setup.sh "$(PYTHON)" "$(VENV)" "$(firstword $(MAKECMDGOALS))" docs
	@touch $@

verify: $(STAMP) ## theorems, toys, the embedded transformer, a report (ARGS=... is passed on)
	@$(BIN)/identifiability verify $(ARGS)

lint: $(STAMP)  ## ruff (rules and format) and the type checker
	@echo "lint: ruff"
	@$(BIN)/ruff check --quiet --output-format concise .
	@$(BIN)/ruff format --check --quiet .
	@echo "lint: types"
	@$(BIN)/basedpyright --pythonpath $(BIN)/python

test: lint      ## lint, then the tests that are not slow (ARGS=... is passed on)
	@$(PYTEST) -n 2 --dist loadfile --benchmark-disable -m "not slow" $(ARGS)

test-all: lint $(DOCS_STAMP) ## lint, then every test
	@$(PYTEST) -n 2 --dist loadfile --benchmark-disable $(ARGS)

bench: $(STAMP) ## the timed comparisons, and their table into docs; run nothing else meanwhile
	@mkdir -p .benchmarks
	@$(BIN)/python -m pytest benchmarks --benchmark-only --benchmark-json=.benchmarks/latest.json $(ARGS)
	@$(BIN)/python -m benchmarks.table .benchmarks/latest.json docs/performance.md
	@$(BIN)/python -m benchmarks.table .benchmarks/latest.json README.md "Fisher metric of one prompt"

mutants: $(STAMP) ## one deliberate defect at a time: which check catches it?
	@$(BIN)/python -m tools.mutants $(ARGS)

notebooks: $(STAMP) ## build and execute the notebooks into results/notebooks
	@$(BIN)/identifiability notebooks --out results/notebooks $(ARGS)

docs: $(DOCS_STAMP) ## the site into docs/_build/html (notebooks at reduced settings, if need be)
	@$(BIN)/python -m tools.build_docs $(ARGS)

lock:           ## write the lock files anew (UPGRADE=1: with the newest versions)
	@PYTHON="$(PYTHON)" tools/lock.sh

clean:          ## remove .venv and all that was built
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .ruff_cache .hypothesis .benchmarks
	rm -rf docs/_build docs/reference/generated docs/notebooks/built
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
