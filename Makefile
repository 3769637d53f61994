# The front door. Needs Python 3.11 or newer; `make PYTHON=python3.13 run` names one.
.DEFAULT_GOAL := help
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
BIN := .venv/bin
# Images of containers often set it, and then every process that a test starts compiles all of the project anew.
unexport PYTHONDONTWRITEBYTECODE
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# A lock is complete: pip resolves nothing, and what comes as source is built by what requirements/build.txt pins.
COMPILE := $(BIN)/uv pip compile $(ARGS) -q --universal --generate-hashes --no-header --python-version 3.11
INSTALL := $(PIP) install --no-deps --no-build-isolation --require-hashes

.PHONY: help run test test-exhaustive check fmt bench bench-growth schema lock release clean

help: ## show what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | awk -F'\t' '{printf "  make %-15s %s\n", $$1, $$2}'

run: .venv/run ## start everything on this machine and print a first upload to try
	@$(BIN)/mediarpc dev

test: .venv/test contracts/typescript/node_modules ## run all tests, against the real servers that this machine can start
	@$(BIN)/python -m pytest -n auto $(ARGS)

test-exhaustive: .venv/test contracts/typescript/node_modules ## run every point of the tests of which `make test` takes a sample
	@SAMPLE=all $(BIN)/python -m pytest -n auto -m exhaustive $(ARGS)

check: .venv/test ## lint, format and types
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/mypy -p tests

fmt: .venv/test ## format, and mend what lint can mend
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

bench: .venv/run bench/peer/node_modules ## measure beside a peer and beside the floor; ARGS=--quick for a look
	@$(BIN)/python -m bench $(ARGS) && $(BIN)/python -m bench uploads $(ARGS) && $(BIN)/python -m bench images $(ARGS) \
		&& $(BIN)/python -m bench videos $(ARGS)

bench-growth: .venv/run ## time the statements at 10^4 to 10^6 media rows; ARGS=--full for 10^7
	@$(BIN)/python -m bench growth $(ARGS)

schema: .venv/test ## write sql/schema.sql, what the migrations lead to
	@$(BIN)/python -m tests.schema

lock: .venv/run ## compile the locks from pyproject.toml and the package.json files; ARGS=--upgrade for newer versions
	@test -x $(BIN)/uv || $(INSTALL) -r requirements/test.txt
	@$(COMPILE) --group build -o requirements/build.txt
	@$(COMPILE) --extra embedded -c requirements/build.txt pyproject.toml -o requirements/run.txt
	@$(COMPILE) --all-extras -c requirements/build.txt -c requirements/run.txt pyproject.toml -o requirements/test.txt
	@for package in contracts/typescript bench/peer; do \
		$(BIN)/python -m tests.node npm install --prefix $$package --package-lock-only --ignore-scripts --no-audit --no-fund || exit; done

release: contracts/typescript/node_modules ## pack the npm package into build/
	@mkdir -p build && echo build/$$($(BIN)/python -m tests.node npm pack ./contracts/typescript --pack-destination build --silent)

clean: ## remove the environment and the data of `make run`
	rm -rf .venv .mediarpc

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "make: Python 3.11 or newer is needed; name it: make PYTHON=/path/to/python3 $(MAKECMDGOALS)"; exit 1; }
	@echo "Making .venv with $(PYTHON) ..."
	@$(PYTHON) -m venv .venv || { rm -rf .venv; echo "make: $(PYTHON) cannot make environments; on Debian: apt install python3-venv"; exit 1; }

.venv/run: requirements/build.txt requirements/run.txt pyproject.toml | .venv/bin/python
	@echo "Installing what mediarpc runs on (once) ..."
	@$(INSTALL) --only-binary :all: -r requirements/build.txt
	@$(INSTALL) -r requirements/run.txt
	@$(PIP) install --no-deps --no-build-isolation -e .
	@$(PIP) check
	@$(BIN)/python -m compileall -q contracts jobs media procedures processing rpc server sql storage
	@touch $@

.venv/test: requirements/test.txt .venv/run
	@echo "Installing what the tests need (once) ..."
	@$(INSTALL) -r requirements/test.txt
	@$(PIP) check
	@touch $@

contracts/typescript/node_modules: contracts/typescript/package-lock.json .venv/test
	@echo "Installing what the tests of the TypeScript package need (once) ..."
	@$(BIN)/python -m tests.node npm ci --prefix contracts/typescript --ignore-scripts --no-audit --no-fund --loglevel=error && touch $@ \
		|| echo "make: npm ci failed, so the tests that need what it installs are skipped"

bench/peer/node_modules: bench/peer/package-lock.json
	@if command -v npm >/dev/null; then \
		echo "Installing the peer's packages (once) ..." && npm ci --prefix bench/peer --no-audit --no-fund --silent && touch $@; \
	else echo "make: there is no npm here, so mediarpc is measured without its peer"; fi
