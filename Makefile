# Every target does its own set-up; see scripts/setup. "make" alone lists them.
.DEFAULT_GOAL := help
SHELL := /bin/sh
MAKEFLAGS += --no-print-directory
bin := .venv/bin

.PHONY: help demo test check lint bench prove package lock clean

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 14

demo: ## a cluster on this machine, with cameras and faults
	@scripts/setup demo
	@$(bin)/tandem lab demo

test: ## all tests but the long proofs
	@scripts/setup test
	@scripts/run-tests all

check: lint ## before every commit: format, lint, types, layers, fast tests
	@scripts/run-tests fast

lint: ## format, lint, types and layers alone
	@scripts/setup check
	$(bin)/ruff format --check .
	$(bin)/ruff check .
	$(bin)/mypy
	$(bin)/lint-imports

bench: ## measure against peers and the physical limit
	@if [ ! -f benchmarks/run.py ]; then \
	    echo "There are no benchmarks yet (benchmarks/run.py)."; \
	    exit 1; \
	fi
	@scripts/setup test
	@$(bin)/python -m benchmarks.run

prove: ## the long proofs; can be interrupted, and goes on where it stopped
	@scripts/setup test
	@$(bin)/python scripts/prove

package: ## the Debian package of this checkout, for the release that this machine runs
	@scripts/setup check
	@packaging/build

lock: ## write requirements/*.lock anew from pyproject.toml
	@scripts/setup check
	@scripts/lock

clean: ## remove all that these targets have made in this directory
	rm -rf .venv .tools .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist build
	find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
