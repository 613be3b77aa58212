# The commands of the project; `make help` lists them. What they are for: README.md and CONTRIBUTING.md.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --no-builtin-rules --no-print-directory
.DEFAULT_GOAL := help
.PHONY: help serve test test-postgresql check format bench bench-postgres bench-check bench-page soak conformance oracle screenshots lock venv installed installed-otel installed-tests chromium node postgresql wrk

# `make serve PORT=9000` is the short form of REGIE_PORT=9000; every other REGIE_... variable is passed on as it is.
ifdef PORT
export REGIE_PORT := $(PORT)
endif
# What the world calls the server follows from the port, unless something else is said.
ifdef REGIE_PORT
export REGIE_BASE_URL ?= http://127.0.0.1:$(REGIE_PORT)
endif

FORMAT ?= both
VALIDATOR ?= none
MINUTES ?= 30
RATE ?= 50
DATABASE ?= sqlite

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-15s %s\n", $$1, $$2 }' Makefile

serve: installed ## serve on http://127.0.0.1:8000 with invented people (PORT=9000 for another port)
	@.venv/bin/regie migrate
	@.venv/bin/regie demo
	@exec .venv/bin/regie serve

test: installed-tests chromium node postgresql ## run all tests (ARGS="-k word" for some), those of storing on both databases
	@REGIE_TEST_DATABASE=both .venv/bin/python -m pytest --numprocesses 2 --dist worksteal $(ARGS)

test-postgresql: installed-tests chromium node postgresql ## run every test that has a database on PostgreSQL
	@REGIE_TEST_DATABASE=postgresql .venv/bin/python -m pytest --numprocesses 2 --dist worksteal \
		tests/access tests/conformance tests/docs tests/end_to_end tests/faults tests/integration tests/migrations tests/property $(ARGS)

check: installed-tests ## lint, format, types, imports, docs
	@.venv/bin/ruff check
	@.venv/bin/ruff format --check
	@.venv/bin/mypy
	@.venv/bin/lint-imports --cache-dir var/cache/imports
	@.venv/bin/python -m pytest --quiet tests/docs
	@echo "The ten longest modules:"
	@find app -name '*.py' -exec wc -l {} + | grep -v ' total$$' | sort -rn | head -10

format: installed-tests ## lay out the code and mend what the linter can
	@.venv/bin/ruff check --fix
	@.venv/bin/ruff format

bench: installed-tests wrk ## measure, print the table and write var/bench.json (QUICK=1: two minutes)
	@QUICK=$(QUICK) .venv/bin/python -m tests.benchmarks

bench-postgres: installed-tests wrk postgresql ## the same on a PostgreSQL of its own, beside the other figures
	@QUICK=$(QUICK) .venv/bin/python -m tests.benchmarks --database postgresql

bench-page: installed-tests ## write what was measured last into docs/performance.md, with its charts
	@.venv/bin/python -m tests.benchmarks.page

soak: installed-tests postgresql ## half an hour of mixed load, to see that nothing grows (MINUTES=5 RATE=50 DATABASE=postgresql)
	@.venv/bin/python -m tests.benchmarks.soak --minutes $(MINUTES) --rate $(RATE) --database $(DATABASE)

bench-check: installed-tests wrk postgresql ## fail if a ratio to the limit fell by a third (ARGS="--write": the new baseline)
	@.venv/bin/python -m tests.benchmarks.check $(ARGS)

conformance: installed-tests $(filter postgresql,$(DATABASE)) ## run the published test scripts, and write what passes into docs/conformance.md (SUITE=folder: some; DATABASE=postgresql)
ifdef SUITE
	@.venv/bin/python -m tests.conformance.run_suite --suite "$(SUITE)" --format "$(FORMAT)" --database "$(DATABASE)"
else
	@.venv/bin/python -m tests.conformance.run_all --format "$(FORMAT)" --validator "$(VALIDATOR)" --database "$(DATABASE)"
endif

oracle: installed-tests ## hold validation against HL7's validator (Java, Maven), and write the differences into docs/conformance.md
	@.venv/bin/python -m tests.conformance.oracle

screenshots: installed-tests chromium ## make the pictures of docs/portal.md and README.md anew
	@.venv/bin/python -m tests.end_to_end.browser.screenshots

lock: ## write the lock files anew from pyproject.toml (UPGRADE=1: with the newest versions)
	@test -x .venv-lock/bin/pip-compile || { $(find_python); "$$python" -m venv .venv-lock && .venv-lock/bin/pip install --quiet pip-tools; }
	@$(pip_compile) --extra install --output-file requirements.lock pyproject.toml
	@$(pip_compile) --all-extras --constraint requirements.lock --output-file requirements-test.lock pyproject.toml
	@$(pip_compile) --extra install --extra otel --constraint requirements-test.lock --output-file requirements-otel.lock pyproject.toml

# ------------------------------------------------------------------------------------------------------- installation
# What is installed is remembered as a copy of the lock file in .venv: the comparison is by content, so that a fresh
# checkout with an older .venv is right, and a second `make serve` does not call pip.

pip := .venv/bin/python -m pip --quiet --disable-pip-version-check
install = cmp -s $(1) .venv/$(1) || { echo "Installing $(1) into .venv"; $(pip) install --require-hashes --no-deps -r $(1); cp $(1) .venv/$(1); }
pip_compile = CUSTOM_COMPILE_COMMAND="make lock" .venv-lock/bin/pip-compile --quiet --generate-hashes --allow-unsafe \
	--strip-extras --no-emit-index-url --no-emit-find-links $(if $(UPGRADE),--upgrade)

# The first Python that is new enough and can make a virtual environment; PYTHON=... overrules.
find_python = python=; for name in $(PYTHON) python3.11 python3.12 python3.13 python3.14 python3; do \
	if "$$name" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then python=$$name; break; fi; done; \
	test -n "$$python" || { echo "Python 3.11 or newer with its venv module is needed (Debian: python3 and python3-venv)." >&2; exit 1; }

# A virtual environment knows its own place, so one that was moved or copied is made anew.
venv:
	@if [ "$$(cat .venv/place 2>/dev/null)" != "$(CURDIR)" ] || ! .venv/bin/python -c '' 2>/dev/null; then \
		$(find_python); echo "Making .venv with $$("$$python" --version)"; \
		rm -rf .venv; "$$python" -m venv .venv; echo "$(CURDIR)" > .venv/place; fi

installed: venv
	@$(call install,requirements.lock)
	@cmp -s pyproject.toml .venv/pyproject.toml || { \
		$(pip) install --no-deps --no-build-isolation --no-index --editable .; cp pyproject.toml .venv/pyproject.toml; }

installed-otel: installed
	@$(call install,requirements-otel.lock)

installed-tests: installed
	@$(call install,requirements-test.lock)

# $(call system,commands of which one will do,Debian packages,what it is for)
define system
@command -v $(1) > /dev/null || { \
	missing() { echo "$(3) needs $(firstword $(1)), which is not here: $$1. Install it and try again." >&2; exit 1; }; \
	command -v apt-get > /dev/null || missing "there is no apt-get to get it with"; \
	as_root="env"; [ "$$(id -u)" = 0 ] || as_root="sudo -n env"; \
	$$as_root true 2> /dev/null || missing "installing $(2) takes root or sudo without a password"; \
	echo "Installing $(2)"; \
	{ $$as_root apt-get -qq update && $$as_root DEBIAN_FRONTEND=noninteractive \
		apt-get -qq install --no-install-recommends --yes $(2) > /dev/null; } || missing "apt-get failed"; }
endef

chromium:
	$(call system,chromium-headless-shell chromium,chromium-headless-shell fonts-liberation,Opening the pages in a browser)

postgresql:
	$(call system,pg_ctlcluster,postgresql,The database of some tests)

# npm comes along with node in some packages, and apart in Debian's.
node:
	$(call system,node,nodejs,Testing with clients in JavaScript)
	$(call system,npm,npm,Testing with clients in JavaScript)
	@cd tests/clients && cmp -s package-lock.json node_modules/installed.json || { \
		echo "Installing tests/clients/package-lock.json"; npm ci --silent; cp package-lock.json node_modules/installed.json; }

wrk:
	$(call system,wrk,wrk,The benchmark)
