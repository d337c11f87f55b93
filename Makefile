# Returns Desk. `make` alone lists what there is to do.
#
# Needs make and a Python from 3.11 to 3.13, nothing else. ARGS reaches the command that is run:
# make test ARGS="tests/rmas -k fold", make demo ARGS="--pace 0.5".

VENV := .venv
PY := $(VENV)/bin/python
PIP_INSTALL := $(PY) -m pip install --quiet --disable-pip-version-check --no-input
UV ?= uv
DATABASE_URL_FOR_POSTGRES := postgres://postgres@127.0.0.1:5432/postgres
REDIS_URL_FOR_POSTGRES := redis://127.0.0.1:6379/15

# The first of these interpreters that fits; PYTHON=... on the command line wins.
FITS := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	"$$python" -c '$(FITS)' >/dev/null 2>&1 && { echo "$$python"; break; }; done)

.DEFAULT_GOAL := help
.PHONY: help demo demo-reset test test-postgres bench format lock clean \
	lint lint-style lint-layers lint-types lint-templates

help: ## lists the targets
	@echo "Returns Desk:"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1 # \2/p' $(MAKEFILE_LIST) | awk -F' # ' '{printf "%-22s %s\n", $$1, $$2}'

demo: $(VENV)/.installed-run ## runs the desk, its worker and a simulated Optoro; Ctrl-C stops them
	@DEBUG=1 exec $(PY) manage.py demo $(ARGS)

demo-reset: $(VENV)/.installed-run ## deletes the demo's data
	@DEBUG=1 exec $(PY) manage.py demo --reset

test: $(VENV)/.installed-dev ## runs the tests; on PostgreSQL and Redis with DATABASE_URL and REDIS_URL
	@$(PY) -m pytest $(ARGS)

test-postgres: export DATABASE_URL := $(or $(DATABASE_URL),$(DATABASE_URL_FOR_POSTGRES))
test-postgres: export REDIS_URL := $(or $(REDIS_URL),$(REDIS_URL_FOR_POSTGRES))
test-postgres: $(VENV)/.installed-dev ## runs the tests on the PostgreSQL and Redis of this machine
	@$(PY) -m pytest $(ARGS)

bench: export DATABASE_URL := $(or $(DATABASE_URL),$(DATABASE_URL_FOR_POSTGRES))
bench: $(VENV)/.installed-run ## measures every screen with 1,000,000 returns, in a database of its own
	@$(PY) -m tests.bench $(ARGS)

lint: lint-style lint-layers lint-types lint-templates ## checks style, layers, types and templates

lint-style: $(VENV)/.installed-dev
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

lint-layers: $(VENV)/.installed-dev
	$(VENV)/bin/lint-imports --no-cache

lint-types: $(VENV)/.installed-dev
	$(PY) -m mypy apps returnsdesk

lint-templates: $(VENV)/.installed-dev
	$(PY) -m djlint --profile=django --lint --quiet --ignore=H015 templates apps

format: $(VENV)/.installed-dev ## sorts imports and formats the code
	$(PY) -m ruff check --fix --select I .
	$(PY) -m ruff format .

lock: ## resolves requirements*.in anew into the hashed lock files
	@command -v "$(UV)" >/dev/null || { echo "make lock needs uv: pip install uv, or UV=path/to/uv" >&2; exit 1; }
	$(UV) pip compile requirements.in -o requirements.txt --quiet --universal \
		--python-version 3.11 --generate-hashes --no-header --no-emit-index-url $(ARGS)
	$(UV) pip compile requirements-dev.in -o requirements-dev.txt --quiet --universal \
		--python-version 3.11 --generate-hashes --no-header --no-emit-index-url $(ARGS)

clean: ## deletes the environment and the tools' caches, not the data
	rm -rf $(VENV) staticfiles .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

# The environment, brought up to date when a lock file changes.

$(PY):
	@if [ -z "$(PYTHON)" ] || ! "$(PYTHON)" -c '$(FITS)'; then \
		echo "Returns Desk needs Python 3.11, 3.12 or 3.13." >&2; \
		echo "python3 is: $$(python3 --version 2>&1). Install one, or say make PYTHON=/path/to/python3.11" >&2; \
		exit 1; \
	fi
	@echo "Creating $(VENV) with $$($(PYTHON) --version) ..."
	@"$(PYTHON)" -m venv --clear $(VENV) || { rm -rf $(VENV); \
		echo "This Python cannot make environments; on Debian or Ubuntu: apt-get install python3-venv" >&2; \
		exit 1; }

$(VENV)/.installed-run: requirements.txt | $(PY)
	@echo "Installing what the desk needs ..."
	@$(PIP_INSTALL) --require-hashes -r requirements.txt
	@touch $@

$(VENV)/.installed-dev: requirements-dev.txt | $(PY)
	@echo "Installing what the desk and its tests need ..."
	@$(PIP_INSTALL) --require-hashes -r requirements-dev.txt
	@touch $@
