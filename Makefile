# `make help` lists the targets. Everything is built in .venv and .cache, and nothing outside the clone is changed, but for
# one thing: as root with apt-get, `make test`, `ci`, `test-full` and `test-rdp` install Debian packages (real RDP servers
# and a client, see scripts/rdp_packages.py) and say so. Without them the tests that need them are skipped.
SHELL := /bin/bash
export LC_ALL := C.UTF-8

CHECKS := .venv/bin/python scripts/checks.py

.DEFAULT_GOAL := help
.PHONY: help venv rdp-packages demo demo-rdp demo-reset test test-full test-rdp lint unit integration molecule sanity build docs clean ci contract faults faults-full replay witness-az witness-azcollection

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 30

venv: ## build .venv with ansible-playbook, local-azure and the checks (PYTHON=... chooses the interpreter)
	@scripts/venv.sh

demo: venv ## rehearse playbooks/enable_winrm.yml against the local Azure, from start to clean-up
	@scripts/demo.sh

demo-rdp: venv ## rehearse playbooks/enable_rdp.yml: a .rdp file, and what it leads to
	@scripts/demo_rdp.sh

demo-reset: venv ## rehearse playbooks/reset_access.yml on a VM that nobody gets into
	@scripts/demo_reset.sh

rdp-packages: venv
	@.venv/bin/python scripts/rdp_packages.py

test: venv rdp-packages ## run every check and test (a quarter of an hour on 2 cores)
	@$(CHECKS) test

test-full: venv rdp-packages ## the same with the long forms of the tests
	@$(CHECKS) test-full

test-rdp: venv rdp-packages ## what is proven with RDP servers, a client and an openssl that nobody here wrote
	@$(CHECKS) rdp

ci: venv rdp-packages ## make test, then the witnesses that can be installed in time
	@$(CHECKS) test witnesses

lint unit integration molecule sanity build contract faults faults-full replay witness-az witness-azcollection: venv
	@$(CHECKS) $@

lint: ## ruff, mypy, yamllint, ansible-lint, documentation and changelog
unit: ## tests/unit
integration: ## tests/integration: the real SDKs and connection plugins against the local Azure
molecule: ## the roles, by extensions/molecule
sanity: ## ansible-test sanity with the Python of .venv
build: ## build the collection and look at what is in it
contract: ## how the local Azure keeps to Azure's specifications, which must be in ../shared/azure-specs
faults: ## a kill and another fault at every request of every role, then a second run: what converged, what was lost
faults-full: ## the same with every kind of fault at each request
replay: ## how the local Azure answers recorded real traffic, which must be in ../shared/azure-traffic
witness-az: ## az CLI against the local Azure
witness-azcollection: ## azure.azcollection against the local Azure

docs: venv ## write the documentation of the modules as text to .cache/docs
	@scripts/docs.sh

clean: ## remove all that make built
	rm -rf .venv .cache .ansible tests/local_azure/*.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
