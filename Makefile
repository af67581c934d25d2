# `make help` lists the targets. Everything is built in .venv and .cache; nothing outside the clone is changed.
SHELL := /bin/bash
export LC_ALL := C.UTF-8

CHECKS := .venv/bin/python scripts/checks.py

.DEFAULT_GOAL := help
.PHONY: help venv demo test test-full lint unit integration molecule sanity build docs clean

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

venv: ## build .venv with ansible-playbook, local-azure and the checks (PYTHON=... chooses the interpreter)
	@scripts/venv.sh

demo: venv ## rehearse playbooks/enable_winrm.yml against the local Azure, from start to clean-up
	@scripts/demo.sh

test: venv ## run every check and test (under 15 minutes on 2 cores)
	@$(CHECKS) test

test-full: venv ## the same with the long forms of the tests
	@$(CHECKS) test-full

lint unit integration molecule sanity build: venv
	@$(CHECKS) $@

lint: ## ruff, mypy, yamllint, ansible-lint, documentation and changelog
unit: ## tests/unit
integration: ## tests/integration: the real SDKs and connection plugins against the local Azure
molecule: ## the roles, by extensions/molecule
sanity: ## ansible-test sanity with the Python of .venv
build: ## build the collection and look at what is in it

docs: venv ## write the documentation of the modules as text to .cache/docs
	@scripts/docs.sh

clean: ## remove all that make built
	rm -rf .venv .cache .ansible tests/local_azure/*.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
