# make hub: install what is missing and start.  make test: install what is missing and run the tests.

# the interpreter behind an active environment, since that environment may be .venv itself
PYTHON ?= $(shell for name in python3.11 python3.12 python3 python; do "$$name" -c \
	'import sys; (3, 11) <= sys.version_info[:2] <= (3, 12) or sys.exit(1); print(sys._base_executable)' \
	2>/dev/null && break; done)
VENV ?= .venv
TORCH ?= auto
BIN := $(VENV)/bin
DEFAULT := not slow and not gpu and not hub
INSTALL = "$(PYTHON)" scripts/install.py --venv $(VENV) --torch $(TORCH)
ZERO_PYTHON ?= $(shell for name in python3.12 python3 "$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/3.12.*/bin/python; do \
	"$$name" -c 'import sys; sys.version_info[:2] == (3, 12) or sys.exit(1); print(sys._base_executable)' \
	2>/dev/null && break; done)
ZERO_VENV ?= .venv-zero

.PHONY: hub test test-all test-zero check fix docs bench doctor install install-dev reinstall pins

hub: install  ## start the hub; ARGS="--port 8000" passes options on
	@$(BIN)/python app.py hub $(ARGS)

test: install-dev  ## all tests that need neither a GPU nor the network
ifdef ARGS
	@$(BIN)/python -m pytest $(ARGS)
else
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile -m "$(DEFAULT) and not alone"; beside=$$?; \
	$(BIN)/python -m pytest -m "$(DEFAULT) and alone" && exit $$beside
endif

test-all: install-dev  ## the slow ones too
	@$(BIN)/python -m pytest -m "not gpu and not hub" $(ARGS)

test-zero:  ## the default tests on what ZeroGPU offers: Python 3.12, torch 2.11, its package spaces
	@test -n "$(ZERO_PYTHON)" || { echo "vitrine: ZeroGPU runs Python 3.12, and none was found. Install it, or name it: make test-zero ZERO_PYTHON=/path/to/python3.12"; exit 2; }
	@"$(ZERO_PYTHON)" scripts/install.py --venv $(ZERO_VENV) --torch $(TORCH) --dev --zero
	@$(ZERO_VENV)/bin/python -m pytest $(ARGS)

check: install-dev  ## lint, format, import contracts, types, generated tables
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports
	@$(BIN)/python -m scripts.generate_docs --check
	@$(BIN)/python -m core.publish.pins --check
	@$(BIN)/pyright
	@$(BIN)/pyright --pythonversion 3.12

fix: install-dev  ## repair what can be repaired
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .
	@$(BIN)/python -m scripts.generate_docs

docs: install-dev  ## write the generated tables
	@$(BIN)/python -m scripts.generate_docs

bench: install-dev  ## every benchmark, each with a report in out/bench/
	@for name in $$($(BIN)/python app.py bench | cut -d' ' -f1); do \
	$(BIN)/python app.py bench $$name --json out/bench/$$name.json || exit 1; done

doctor: install  ## what this machine can run
	@$(BIN)/python app.py doctor

install: _python
	@$(INSTALL)

install-dev: _python
	@$(INSTALL) --dev

reinstall: _python  ## from nothing, for instance after a GPU was added
	@rm -rf $(VENV)
	@$(INSTALL)

pins: install-dev  ## write requirements-dev.txt from what is installed
	@$(BIN)/python -m scripts.pins > requirements-dev.new && mv requirements-dev.new requirements-dev.txt
	@$(BIN)/python -m core.publish.pins

.PHONY: _python
_python:
	@test -n "$(PYTHON)" || { echo "vitrine: no Python 3.11 or 3.12 was found. Install one, or name it: make hub PYTHON=/path/to/python3.11"; exit 2; }
