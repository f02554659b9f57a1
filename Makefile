# Two commands do everything: `make up` and `make test`. The others are for those who change Botdeck.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
MODULES := frontend/node_modules/.installed
PAGES := src/botdeck/deck/static/index.html
NPM := frontend/with-node npm --prefix frontend
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
ARGS ?=

.PHONY: help install up demo dev test test-unit test-process test-slow test-e2e check format types pages pins bench wheel browser servers clean

help: ## Say what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

install: $(INSTALLED) $(PAGES)

$(INSTALLED): requirements/dev.txt pyproject.toml
	[ -x $(BIN)/pip ] || $(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

$(MODULES): frontend/package-lock.json frontend/package.json | $(INSTALLED)
	$(NPM) ci --ignore-scripts --no-progress --loglevel=error
	touch $@

$(PAGES): $(MODULES) frontend/index.html $(shell find frontend/src frontend/public frontend/*.ts -type f 2>/dev/null)
	$(NPM) run build --silent
	touch $@

up: install ## Start Botdeck with a real demo bot, and print the address
	@exec $(BIN)/botdeck up --config "$$($(BIN)/python examples/demo/prepare.py $(ARGS))"

dev: install ## Like up, with the pages served by Vite and reloaded as you edit
	@exec $(BIN)/python frontend/dev.py "$$($(BIN)/python examples/demo/prepare.py $(ARGS))"

pages: $(PAGES)

test: install browser servers ## Run all tests but the slow ones
	$(BIN)/pytest tests/unit tests/contract tests/test_*.py $(ARGS)
	$(NPM) test --silent
	$(BIN)/pytest -n 3 --dist worksteal tests/process $(ARGS)
	$(BIN)/pytest tests/e2e $(ARGS)

test-unit: $(INSTALLED) $(MODULES) ## The tests that take seconds
	$(BIN)/pytest tests/unit tests/contract tests/test_*.py $(ARGS)
	$(NPM) test --silent

test-process: $(INSTALLED) servers ## Real processes
	$(BIN)/pytest -n 3 --dist worksteal tests/process $(ARGS)

test-slow: $(INSTALLED) ## What needs heavy servers: Matrix bots on Synapse
	$(BIN)/pytest -m slow tests/process $(ARGS)

test-e2e: install browser ## The real thing in a real browser
	$(BIN)/pytest tests/e2e $(ARGS)

browser:
	@command -v chromium >/dev/null || { $(SUDO) apt-get update -qq && $(SUDO) apt-get install -qq -y --no-install-recommends chromium; } >/dev/null

servers:
	@tests/install-servers.sh

check: $(INSTALLED) $(MODULES) ## Lint, format, types; of Python and TypeScript
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(NPM) run check --silent

format: $(INSTALLED) ## Put the Python code in shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(INSTALLED) $(MODULES) ## Generate the front end's types from the Python
	$(NPM) run types --silent

pins: $(INSTALLED) ## Compile the pinned requirements
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate --no-emit-package botdeck \
		--extra dev --output-file requirements/dev.txt pyproject.toml requirements/dev.in

bench: $(patsubst bench/%.py,bench-%,$(wildcard bench/[a-z]*.py)) ## Every benchmark and proof (about an hour)

bench-latency: browser
bench-%: install ## One benchmark, such as bench-latency; ARGS=--json for figures on the last line
	@$(BIN)/python -m bench.$* $(ARGS)

wheel: $(INSTALLED) ## Build the distribution with the pages inside
	$(BIN)/python -m build --no-isolation

clean:
	rm -rf $(VENV) .bench .bots frontend/node_modules src/botdeck/deck/static dist
