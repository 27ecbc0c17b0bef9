# Everything runs in .venv, which is made on first use. PYTHON names another interpreter.
export PYTHON ?= python3
.PHONY: help demo test lint peers clean system

help:
	@echo "make demo   the tour: a learning network, its hardware, and their equality"
	@echo "make test   all tests but the long ones (those: .venv/bin/pytest -n 2 -m long)"
	@echo "make lint   ruff and basedpyright"
	@echo "make peers  install the other simulators that goldenspike bench and reproduce run too"
	@echo "make clean  remove what was made here, .venv and .peers too"

demo: .venv/installed
	.venv/bin/goldenspike demo

test: .venv/installed
	.venv/bin/pytest -n 2

lint: .venv/installed
	.venv/bin/ruff check --ignore-noqa
	.venv/bin/ruff format --check
	.venv/bin/basedpyright --project .types

peers: .venv/installed
	.venv/bin/python -m goldenspike.tools.peers

.venv/installed: pyproject.toml constraints.txt tools/setup.sh | system
	@sh tools/setup.sh python
	@touch $@

# On a machine that lacks something: one line, status 2.
system:
	@$(eval problem := $(shell PYTHON='$(PYTHON)' sh tools/setup.sh system))$(if \
	    $(problem),$(error $(problem)))

clean:
	rm -rf .venv .peers build dist *.egg-info .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
