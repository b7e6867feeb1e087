# The two commands to know: `make run` and `make test`. `make help` lists the rest.
SHELL  := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.stamp
CONFIG ?= $(firstword $(wildcard connwatch.toml config/local.toml))
CASES  ?= ../shared
ARGS   ?=

# Without stored bytecode every start would compile the program anew, and hundreds of starts are measured here.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help venv lock run test lint types imports coverage metrics rules accuracy docs dist bench follow soak audit fuzz flood day check clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo "  CONFIG=FILE  the configuration for \`make run\` (without one: a recorded stream is played)"
	@echo "  ARGS=...     further arguments for pytest, the accuracy gate or the benchmarks"

venv: $(STAMP) ## build .venv with .venv/bin/connwatch from the lock file

$(STAMP): requirements/lock.txt pyproject.toml tools/venv.sh
	@tools/venv.sh $(VENV)

lock: ## write requirements/lock.txt anew from pyproject.toml (ARGS=--upgrade for the newest versions)
	tools/lock.sh $(ARGS)

run: $(STAMP) ## the daemon on CONFIG; where there is none, on a recorded stream played live
	@tools/run.sh $(BIN)/connwatch "$(CONFIG)" $(ARGS)

test: $(STAMP) ## every test, those with real components too
	@tools/real.sh
	@PATH="$$PWD/.cache/real/usr/bin:$$PATH" $(BIN)/pytest -n 3 $(ARGS)

lint: $(STAMP) ## ruff
	$(BIN)/ruff check .

types: $(STAMP) ## mypy --strict
	$(BIN)/mypy

imports: $(STAMP) ## which floor may import what
	$(BIN)/lint-imports --no-logo

coverage: $(STAMP) ## branch coverage of the pure core by its own tests
	$(BIN)/python tools/core_coverage.py $(ARGS)

metrics: $(STAMP) ## what the daemon exports, read by promtool
	@tools/real.sh
	@PATH="$$PWD/.cache/real/usr/bin:$$PATH" $(BIN)/python tools/check_metrics.py

rules: $(STAMP) ## rules and configurations of deploy/prometheus, checked and tried by promtool and amtool; the dashboards are those of their script
	@tools/real.sh
	@PATH="$$PWD/.cache/real/usr/bin:$$PATH" tools/check_rules.sh
	$(BIN)/python tools/dashboards.py --check

accuracy: $(STAMP) ## score against recorded truth in CASES and hold the floors (ARGS=--write renews the tables)
	$(BIN)/python tools/accuracy.py --cases "$(CASES)" $(ARGS)

docs: $(STAMP) ## renew what README.md and docs/ show of output and catalogue, the dashboards, and completion
	$(BIN)/python tools/reference.py --write
	$(BIN)/python tools/outputs.py --write
	$(BIN)/python tools/pictures.py --write
	$(BIN)/python tools/dashboards.py
	$(BIN)/python tools/completions.py

dist: $(STAMP) ## the wheel, and the source archive with deploy/ and the lock files, in dist/
	rm -rf dist
	$(BIN)/python -m hatchling build -t sdist -t wheel -d dist

bench: $(STAMP) ## speed as ratios to mtail, lnav and a C program, in one run
	$(BIN)/python bench/run.py $(ARGS)

follow: $(STAMP) ## the daemon following files, beside mtail: latency, memory, processor
	$(BIN)/python bench/follow.py $(ARGS)

soak: $(STAMP) ## half an hour under traffic that never repeats itself: nothing grows
	$(BIN)/python bench/soak.py $(ARGS)

audit: ## known vulnerabilities of what the lock file pins (skipped where nobody can be asked)
	@tools/audit.sh

fuzz: $(STAMP) ## made-up lines, targets, templates and requests for SECONDS=600
	@CONNWATCH_FUZZ_SECONDS=$(or $(SECONDS),600) $(BIN)/pytest -p no:randomly tests/fuzz $(ARGS)

day: $(STAMP) ## a day with real nginx, server, clients, Prometheus and mails; three faults (three minutes)
	@tools/real.sh
	@PATH="$$PWD/.cache/real/usr/bin:$$PATH" $(BIN)/pytest -s tests/real/test_whole.py $(ARGS)

flood: $(STAMP) ## a million forged attempts through the daemon, and one real one (a quarter of an hour)
	@mkdir -p .cache
	CONNWATCH_FLOOD_LINES=1000000 CONNWATCH_FLOOD_REPORT=.cache/flood.json $(BIN)/pytest tests/live/test_flood.py $(ARGS)
	@cat .cache/flood.json

check: lint types imports coverage ## everything that needs neither recorded truth nor real components

clean: ## take away what was built here
	rm -rf $(VENV) .cache bench/.cache build dist htmlcov .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find src tests tools bench -name __pycache__ -type d -prune -exec rm -rf {} +
