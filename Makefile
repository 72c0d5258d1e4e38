# One set of verbs. Each does all the set-up that it needs; a second run starts at once.
#
#   make demo     solve three real tasks with an embedded model, and learn from one of them
#   make test     lint, types and tests
#   make setup    only the virtual environment, in .venv

PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3)
BIN := .venv/bin
STAMP := .venv/.pilotage-setup
LOG := .venv/setup.log
FAILED := .venv/setup-failed
# Each line as it comes, which some awks do not take. Every package is told once: from an index, a file, or a folder.
PROGRESS = found=0; while IFS= read -r line; do case "$$line" in \
  Collecting*|Processing*|Obtaining*) found=$$((found + 1)); test $$((found % 25)) -ne 0 || echo "  $$found packages found so far" ;; \
  "Installing collected"*) set -f; set -- $$line; echo "  all found; installing $$(($$\# - 3)) packages that are not in .venv yet" ;; \
  esac; done

.PHONY: setup demo format check test test-browser test-clients test-peers docs clean

setup: $(STAMP)

# The stamp is written last, so a set-up that was interrupted starts over; pip reuses what it has downloaded.
$(STAMP): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "pilotage needs Python 3.11 or newer on the PATH" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "pilotage needs Python 3.11 or newer; this is $$("$(PYTHON)" --version). Try: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@rm -f $(STAMP) $(FAILED)
	@test -x $(BIN)/python || { echo "creating .venv"; "$(PYTHON)" -m venv .venv; }
	@echo "installing pilotage and its dependencies into .venv (a few minutes the first time)"
	@{ $(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e '.[dev,docs]' 2>&1 || touch $(FAILED); } \
	  | tee $(LOG) | { $(PROGRESS); }
	@if rm $(FAILED) 2>/dev/null; then tail -n 20 $(LOG) >&2; echo "set-up failed; all that pip said is in $(LOG)" >&2; exit 1; fi
	@touch $(STAMP)
	@echo "set-up done. Next: make demo    or: . .venv/bin/activate && pilotage solve \"your own question\""

demo: $(STAMP)
	@$(BIN)/pilotage models pull default minilm
	@$(BIN)/pilotage demo

format: $(STAMP)
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

check: $(STAMP)
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy

test: check
	@$(BIN)/pilotage models pull smollm2 minilm
	@$(BIN)/python -m pytest -n logical --maxprocesses 8 --dist loadscope

# Clients that others wrote, against a server over a scripted upstream: some come from npm, each other one has an
# environment of its own with the pins of tests/clients/NAME.txt. Needs Node 22 and npm.
CLIENTS := inspect instructor litellm lm_eval pydantic_ai
.venv-clients/%/.stamp: tests/clients/%.txt | $(STAMP)
	@echo "installing $* into .venv-clients/$*"
	@rm -rf $(@D) && $(BIN)/python -m venv $(@D)
	@$(@D)/bin/python -m pip install -q --disable-pip-version-check -r $<
	@touch $@

# Its entry point is written when it is installed.
.venv-clients/inspect/.stamp: pyproject.toml

test-clients: $(STAMP) $(CLIENTS:%=.venv-clients/%/.stamp)
	@npm install --prefix tests/clients --no-package-lock --no-audit --no-fund
	@PILOTAGE_CLIENTS=1 $(BIN)/python -m pytest tests/clients

# Other toolkits as methods of `pilotage bench`, each in the environment that the command itself asks for.
PEERS := $(abspath .venv-peers)
test-peers: $(STAMP)
	@for name in its_hub optillm; do \
	  test -e $(PEERS)/$$name/.stamp || { echo "installing $$name into .venv-peers" && rm -rf $(PEERS)/$$name && \
	    sh -c "`$(BIN)/python -m pilotage.agent.peers.toolkit $$name $(PEERS)`" && touch $(PEERS)/$$name/.stamp; } || exit 1; \
	done
	@PILOTAGE_PEERS=$(PEERS) $(BIN)/python -m pytest tests/agent/bench/test_peers.py

# Chromium comes from the system's packages (Debian: `apt-get install chromium`).
test-browser: $(STAMP)
	@$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[browser]'
	@PILOTAGE_TEST_BROWSER=1 $(BIN)/python -m pytest -m browser tests/agent/serve

docs: $(STAMP)
	@$(BIN)/zensical build --strict

clean:
	rm -rf .venv .venv-clients .venv-peers tests/clients/node_modules site dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
