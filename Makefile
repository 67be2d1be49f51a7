# Everything a developer or a CI machine runs. Needs Python 3.11 or newer, make and git, and nothing
# else: packages go into .venv, and are only installed again when a requirements file changes.

PYTHON ?= python3
# Extra arguments, as in: make demo ARGS=--once     make test ARGS="-k proposals -x"
ARGS ?=
# How many processes the tests are spread over.
WORKERS ?= 2
# Folders of tests/unit that know no database, and are not run again on another.
PURE := browser domain engines exams handlers outbound policy runtimes
# What `make test-long` runs; over how many processes tests are spread that mostly wait for others.
LONG ?= tests/concurrency tests/recordings
LONG_WORKERS ?= 3
# The server (and a database on it to connect to) where the tests create databases of their own.
TEST_POSTGRES_URL ?= postgres://postgres@127.0.0.1:5432/postgres
# The brokers of the engine tests. Redis: a database of its own, it is emptied.
TEST_RABBITMQ_URL ?= amqp://guest:guest@127.0.0.1:5672//
TEST_REDIS_URL ?= redis://127.0.0.1:6379/5
# How many workers `make chaos` kills, on which database, engine and broker.
KILLS ?= 1000
CHAOS_DATABASE ?= sqlite
CHAOS_ENGINE ?= database
CHAOS_BROKER ?=
# The browser of the browser tests: the first Chromium found on this machine.
CHROMIUM ?= $(or $(shell command -v chromium || command -v chromium-browser || command -v google-chrome),/usr/bin/chromium)
# The compiler of requirements files, pinned so that `make lock` is repeatable.
UV_VERSION := 0.13.9

VENV := .venv
BIN := $(VENV)/bin
# Each file that must have been installed has a stamp, newer than the file when it has.
RUN := $(VENV)/.installed-requirements
SERVICES := $(VENV)/.installed-requirements-services
BROWSER := $(VENV)/.installed-requirements-browser
DEV := $(VENV)/.installed-requirements-dev
# From the most general to the most specific: each is compiled against those before it.
LOCKED := requirements requirements-services requirements-browser requirements-dev

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
# pip is not safe to run twice at once in one environment, so `make -j` gains nothing here.
.NOTPARALLEL:

.PHONY: help
help: ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: $(RUN) ## Prepare the database and run the demonstration (ARGS=--once: play it and stop)
	@$(BIN)/python manage.py migrate --verbosity 0
	@$(BIN)/python manage.py demo $(ARGS)

.PHONY: test
test: $(RUN) ## Run the tests on SQLite; nothing but Python is needed
	$(BIN)/python -m pytest -n $(WORKERS) -rs $(ARGS)

.PHONY: test-postgres
test-postgres: $(SERVICES) ## Run the same tests, but for those of pure rules, on the PostgreSQL at TEST_POSTGRES_URL
	DATABASE_URL='$(TEST_POSTGRES_URL)' $(BIN)/python -m pytest -n $(WORKERS) -rs \
		$(foreach pure,$(PURE),--ignore tests/unit/$(pure)) $(ARGS)

.PHONY: test-long
test-long: $(SERVICES) ## Run what takes long: races, crashes, recorded conversations (DATABASE_URL: not on SQLite)
	$(BIN)/python -m pytest -n $(LONG_WORKERS) -rs $(LONG) $(ARGS)

.PHONY: test-engines
test-engines: $(SERVICES) ## Run the engine tests on every task engine, with real workers and brokers
	TEST_POSTGRES_URL='$(TEST_POSTGRES_URL)' TEST_RABBITMQ_URL='$(TEST_RABBITMQ_URL)' \
		TEST_REDIS_URL='$(TEST_REDIS_URL)' $(BIN)/python -m tests.engines $(ARGS)

.PHONY: chaos
chaos: $(SERVICES) ## Kill workers at random and count (KILLS=1000, CHAOS_DATABASE=sqlite or a server's URL)
	$(BIN)/python -m bench.chaos --kills $(KILLS) --database '$(CHAOS_DATABASE)' \
		--engine '$(CHAOS_ENGINE)' --broker '$(CHAOS_BROKER)' $(ARGS)

# Apart from the other tests: Playwright's event loop makes Django refuse synchronous database calls,
# and the variable that lifts this must not reach other tests.
.PHONY: test-browser
test-browser: $(BROWSER) ## Run the browser tests in the Chromium at CHROMIUM
	@test -x '$(CHROMIUM)' || { echo "No browser at $(CHROMIUM). Install Chromium, or name one: make test-browser CHROMIUM=/path/to/chromium" >&2; exit 1; }
	CHROMIUM='$(CHROMIUM)' DJANGO_ALLOW_ASYNC_UNSAFE=true $(BIN)/python -m pytest -n $(LONG_WORKERS) -m browser -rs tests/browser $(ARGS)

.PHONY: check
check: $(DEV) ## Lint, format, types, import contracts, migrations, Django's own checks
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy governance config
	$(BIN)/lint-imports
	$(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/python manage.py check --fail-level WARNING
	$(BIN)/python docs/generate.py --check

.PHONY: docs
docs: $(RUN) ## Write the generated pages of docs/ again
	$(BIN)/python docs/generate.py

.PHONY: fmt
fmt: $(DEV) ## Format the code and repair what the linter can repair
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

.PHONY: lock
lock: $(VENV)-lock/.installed ## Compile the requirements (ARGS=--upgrade: newest versions allowed)
	for name in $(LOCKED); do \
		UV_CUSTOM_COMPILE_COMMAND='make lock' $(VENV)-lock/bin/uv pip compile --quiet --universal \
			--python-version 3.11 --generate-hashes $(ARGS) $$name.in --output-file $$name.txt || exit 1; \
	done

.PHONY: clean
clean: ## Remove the virtual environments and caches; keeps var/, which holds your data
	rm -rf $(VENV) $(VENV)-lock .mypy_cache .ruff_cache .import_linter_cache .pytest_cache .hypothesis staticfiles
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- The virtual environment ----------------------------------------------------------------------

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; name one with: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

# Every line of these files carries hashes, so pip refuses anything that was not there when they
# were compiled.
$(VENV)/.installed-%: %.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

$(SERVICES) $(BROWSER): $(RUN)
# The type checker reads the packages the code imports, so the checks need all of them.
$(DEV): $(RUN) $(SERVICES) $(BROWSER)

$(VENV)-lock/.installed: Makefile
	$(PYTHON) -m venv $(VENV)-lock
	$(VENV)-lock/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@touch $@
