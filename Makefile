# SPDX-License-Identifier: Apache-2.0
#
#   make demo    bring the article's host up, check it, draw it, report   (BACKPORTS=1: see README)
#   make test    all tests
#   make faults  faults at random moments of real commands; FAULTS='--seed 7 --minutes 120'
# and for development: bootstrap, lint, unit, functional, bats, e2e, bench, docs, clean.

SHELL := /bin/bash
BACKPORTS ?=
export BACKPORTS

BIN := .venv/bin
# Empty where the environment is made elsewhere, as by tox.
BOOTSTRAP := bootstrap
SHELL_FILES := .ci/run $(wildcard tools/*.sh) $(wildcard devstack/*.sh) devstack/settings
BATS_FILES := $(wildcard tests/functional/*.bats tests/functional/*.bash)

.PHONY: bootstrap demo test lint unit functional bats e2e bench docs faults clean

bootstrap:
	@tools/bootstrap.sh

demo: $(BOOTSTRAP)
	@tools/demo.sh

test: lint
	@$(BIN)/python tools/run_tests.py

unit docs functional bats e2e: $(BOOTSTRAP)
	@$(BIN)/python tools/run_tests.py $@

lint: $(BOOTSTRAP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	shellcheck $(SHELL_FILES) $(BATS_FILES)
	$(BIN)/bashate -i E005,E006 $(SHELL_FILES)

faults: $(BOOTSTRAP)
	@PYTHONPATH=$(CURDIR) $(BIN)/python -P -m tests.e2e.faults $(FAULTS)

bench: $(BOOTSTRAP)
	@$(BIN)/vhost bench

# What a checkout grows; hosts and caches are the vhost command's ('vhost destroy').
clean:
	rm -rf .venv .stestr .tox .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist report \
		*.egg-info doc/build releasenotes/build
