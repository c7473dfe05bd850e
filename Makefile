# Each verb has a line of help after its `##`. Another Python: make run PYTHON=python3.12
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.set-up
LOCK := $(BIN)/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header

.DEFAULT_GOAL := help
.PHONY: help setup run test lint bench smoke lock

help: ## what can be made
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

setup: $(STAMP) ## .venv with the pinned dependencies and the command pingpp-ingest
	@echo "Set up. See $(BIN)/pingpp-ingest --help"

run: $(STAMP) ## the whole system in this terminal, sandbox included (ARGS="--port 8085": see pingpp-ingest up --help)
	@exec $(BIN)/pingpp-ingest up $(ARGS)

test: $(STAMP) ## all tests (ARGS="tests/processes -k redis": some)
	@exec $(BIN)/pytest $(ARGS)

lint: $(STAMP) ## ruff and mypy
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

bench: $(STAMP) ## how fast it is, beside a bare endpoint and the textbook design
	@exec $(BIN)/python -m tests.bench $(ARGS)

smoke: $(STAMP) ## one payment through everything, with the time of each step
	@exec $(BIN)/pingpp-ingest smoke $(ARGS)

lock: $(STAMP) ## requirements*.txt anew from pyproject.toml (ARGS=--upgrade: with the newest versions)
	$(LOCK) $(ARGS) -o requirements.txt
	$(LOCK) $(ARGS) --extra dev -o requirements-dev.txt

# uv, pinned like the rest, takes a second where pip takes twenty; where it cannot, as without a wheel for
# this machine or with an index that only pip is told of, pip does.
PIP := $(BIN)/python -m pip install -q --disable-pip-version-check
UV := $(BIN)/uv pip install -q --python $(BIN)/python
$(STAMP): requirements-dev.txt pyproject.toml
	@command -v $(PYTHON) > /dev/null || { \
		echo "There is no $(PYTHON). Install Python 3.11 or newer, or name one: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "$(PYTHON) is $$($(PYTHON) -V). Python 3.11 or newer is needed: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2> /dev/null || { \
		echo "This Python cannot make virtual environments. On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@echo "Setting up .venv ..."
	@$(PYTHON) -m venv .venv || { \
		echo "The virtual environment could not be made. On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@sed -n '/^uv==/,/[^\\]$$/p' requirements-dev.txt > .venv/uv.txt
	@{ $(PIP) --no-deps --require-hashes -r .venv/uv.txt && $(UV) --require-hashes -r requirements-dev.txt; } 2> /dev/null || \
		$(PIP) --require-hashes -r requirements-dev.txt
	@$(UV) --no-deps --no-build-isolation -e . 2> /dev/null || $(PIP) --no-deps --no-build-isolation -e .
	@touch $@
