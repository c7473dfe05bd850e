# Each verb has a line of help after its `##`. Another Python: make run PYTHON=python3.12
PYTHON ?= python3
BIN := .venv/bin
RUNTIME := .venv/.set-up
TOOLS := .venv/.set-up-tools
LOCK := $(BIN)/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header

# Where Python is told to write no bytecode, each process of `make run` would compile all of it anew.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help setup run test test-all check lint format cover docs bench smoke lock

help: ## what can be made
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 17

setup: $(RUNTIME) ## .venv with the pinned dependencies and the command pingpp-ingest
	@echo "Set up. See $(BIN)/pingpp-ingest --help"

run: $(RUNTIME) ## the whole system in this terminal, sandbox included (ARGS="--port 8085": see pingpp-ingest up --help)
	@exec $(BIN)/pingpp-ingest up $(ARGS)

test: $(TOOLS) ## all tests but the slow ones, in five minutes (ARGS="tests/processes -k redis": some)
	@exec $(BIN)/pytest $(ARGS)

test-all: $(TOOLS) ## the slow ones too: storms of kills, and whole systems on each Redis server that is on the machine
	@exec $(BIN)/pytest -m "slow or not slow" $(ARGS)

check: lint cover test-all ## what must hold before a change is handed in, and what CI runs: lint, cover and all tests

lint: $(TOOLS) ## ruff and mypy
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

format: $(TOOLS) ## the code as ruff lays it out, with what it can mend
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

cover: $(TOOLS) ## the pure modules by their own tests: every branch is taken, or it fails
	@exec $(BIN)/python -m tests.cover

docs: $(TOOLS) ## the docs that are drawn from the code: channels, settings, folders, the status
	@exec $(BIN)/python -m tests.docs

bench: $(TOOLS) ## how fast it is, beside a bare endpoint and the textbook design
	@exec $(BIN)/python -m tests.bench $(ARGS)

smoke: $(RUNTIME) ## one payment through everything, with the time of each step
	@exec $(BIN)/pingpp-ingest smoke $(ARGS)

lock: $(TOOLS) ## requirements*.txt anew from pyproject.toml (ARGS=--upgrade: with the newest versions)
	$(LOCK) $(ARGS) -o requirements.txt
	$(LOCK) $(ARGS) --extra dev -o requirements-dev.txt

# uv, pinned like the rest, takes a second where pip takes twenty. If uv cannot (no wheel for this machine, or an index
# that only pip is told of), pip does it. pip runs out of the wheel that Python brings for ensurepip, because to
# unpack it into .venv would take three seconds more.
UV := $(BIN)/uv pip install -q --python $(BIN)/python
PIP = PYTHONPATH=$$($(BIN)/python -c '$(PIP_WHEEL)') $(BIN)/python -m pip install -q --disable-pip-version-check
PIP_WHEEL := import ensurepip as e, glob, sysconfig; \
	print(*glob.glob((sysconfig.get_config_var("WHEEL_PKG_DIR") or e.__path__[0] + "/_bundled") + "/pip-*.whl"), sep=":")
# The lines of one of the tools, with its hashes.
PINNED = sed -n '/^$(1)==/,/[^\\]$$/p' requirements-dev.txt
# A package whose installation was broken off looks installed, but has no INSTALLER, which is written last.
MEND := for one in .venv/lib/*/site-packages/*.dist-info; do [ -e "$$one/INSTALLER" ] || rm -rf "$$one"; done

$(RUNTIME): requirements.txt pyproject.toml
	@command -v $(PYTHON) > /dev/null || { \
		echo "There is no $(PYTHON). Install Python 3.11 or newer, or name one: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "$(PYTHON) is $$($(PYTHON) -V). Python 3.11 or newer is needed: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2> /dev/null || { \
		echo "This Python cannot make virtual environments. On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@echo "Setting up .venv ..."
	@$(PYTHON) -m venv --without-pip .venv || { \
		echo "The virtual environment could not be made. On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@$(MEND)
	@$(call PINNED,uv) > .venv/uv.txt
	@$(call PINNED,setuptools) > .venv/setuptools.txt
	@{ $(PIP) --no-deps --only-binary :all: --require-hashes -r .venv/uv.txt && \
		$(UV) --require-hashes -r requirements.txt -r .venv/setuptools.txt; } 2> /dev/null || \
		$(PIP) --require-hashes -r requirements.txt -r .venv/setuptools.txt
	@$(UV) --no-deps --no-build-isolation -e . 2> /dev/null || $(PIP) --no-deps --no-build-isolation -e .
	@touch $@

$(TOOLS): $(RUNTIME) requirements-dev.txt
	@echo "Adding the tools for development ..."
	@$(MEND)
	@$(UV) --require-hashes -r requirements-dev.txt 2> /dev/null || $(PIP) --require-hashes -r requirements-dev.txt
	@touch $@
