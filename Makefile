# Everything runs in .venv, which is made on first use. PYTHON chooses the interpreter.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test check lint format docs clean

demo: .venv/installed  ## matte the example portrait
	$(BIN)/tiler matte examples/portrait.jpg -o portrait-cutout.png
	@echo "Open portrait-cutout.png and look at the hair at 100 %."

test: .venv/installed-dev  ## the whole test suite
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4

check: lint test  ## format, lint, types, tests

lint: .venv/installed-dev  ## format, lint and types alone
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: .venv/installed-dev  ## let ruff tidy up
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: .venv/installed-dev  ## the site, into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis site

.venv/bin/python:
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip

.venv/installed: .venv/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

.venv/installed-dev: .venv/installed
	$(BIN)/python -m pip install --quiet --group dev
	@touch $@
