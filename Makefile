# Everything runs from .venv, which is made on first use. Needed on the machine: Python 3.11 or 3.12, make, git.

SHELL := /bin/bash
DATA ?= .snowmelt
PORT ?= 8085

# The first Python that Snowmelt runs on; `make PYTHON=/path/to/python3.12 ...` chooses another.
PYTHON ?= $(shell for p in python3 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))' 2>/dev/null && echo $$p && break; \
	done)

BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# As pip does for what it copies: where Python is told to keep no bytecode, each start would make it anew.
COMPILE := $(BIN)/python -m compileall -q src
RUN := .venv/.installed
DEV := .venv/.installed-dev

.PHONY: help demo serve test check-long bench parity clean

help:  ## say what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: $(RUN)  ## run the insurance pipeline end to end, show a report, and the web console
	@$(BIN)/snowmelt demo --data $(DATA)

serve: $(RUN)  ## keep a server running on the demo's data directory, with its web console
	@$(BIN)/snowmelt serve --data $(DATA) --port $(PORT)

test: $(DEV)  ## format, lint, types, import directions, tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -m "not long"

check-long: $(DEV)  ## the heavier checks
	$(BIN)/python -m pytest -m long

bench: $(RUN)  ## measure, next to hand-written baselines on the same machine
	@$(BIN)/python -m benchmarks.run

parity: $(DEV)  ## write docs/PARITY.md from the acceptance tests
	@$(BIN)/python -m tests.parity

clean:  ## remove the environment, caches and the demo's data
	rm -rf .venv .snowmelt .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/bin/python:
	@if [ -z "$(PYTHON)" ]; then \
		echo "Snowmelt needs Python 3.11 or 3.12, and none of python3, python3.12 and python3.11 is one." >&2; \
		echo "Install one, or name it: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)" >&2; \
		exit 1; \
	fi
	@echo "Making .venv with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv .venv

$(RUN): pyproject.toml | .venv/bin/python
	@echo "Installing Snowmelt into .venv (a minute or two the first time)"
	@$(PIP) -e '.[ml]'
	@$(COMPILE)
	@touch $@

$(DEV): pyproject.toml | .venv/bin/python
	@echo "Installing Snowmelt and its tools into .venv (a minute or two the first time)"
	@$(PIP) -e '.[ml,dev]'
	@$(COMPILE)
	@touch $@ $(RUN)
