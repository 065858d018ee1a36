# Everything runs in .venv, which `make setup` makes; the other targets need nothing but make and Python 3.11.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: setup demo test test-all docs lint clean

setup: $(VENV)/.ready

$(VENV)/.ready: setup.cfg pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python .ci/install.py dev
	touch $@

demo: setup
	$(BIN)/pipelines demo

test: setup
	$(BIN)/pytest

test-all: test
	$(BIN)/pytest -m long

docs: setup
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet
	@echo "docs: build/docs/index.html"

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

clean:
	rm -rf $(VENV) build *.egg-info
