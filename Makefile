# make run   the studio on http://localhost:8000 (PORT= changes it)
# make share the same behind a public link, through ngrok
# make test  lint, types, unit tests and browser tests
# Each does all the set-up it needs; a second start reinstalls nothing.
SHELL := /bin/bash
PYTHON ?= python3
PORT ?= 8000
HOST ?= 127.0.0.1
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run share setup test lint types unit browser chromium postgresql test-engines screenshots audit clean fuzz

run: setup
	exec $(BIN)/chainlit run app.py --headless --host $(HOST) --port $(PORT)

# The same behind a public link; needs NGROK_AUTHTOKEN (docs/notebook.md and README, Share).
share: setup
	HTMLGEN_SHARE=1 exec $(BIN)/chainlit run app.py --headless --host $(HOST) --port $(PORT)

setup: $(VENV)/.installed

# pip builds whole, then the stamp is written: a set-up that was interrupted is done again.
$(VENV)/.installed: requirements.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/.installed-dev: requirements-dev.txt $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; name one with make PYTHON=/path/to/python3."; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
	  { rm -rf $(VENV); echo "No virtual environment could be made; on Debian: apt-get install python3-venv."; exit 1; }
	@echo "Installing what requirements.txt names; the first time this takes some minutes."

chromium:
	@if command -v chromium chromium-browser google-chrome >/dev/null 2>&1 || [ -n "$$HTMLGEN_CHROMIUM" ]; then :; \
	elif command -v apt-get >/dev/null 2>&1 && [ "$$(id -u)" = 0 ]; then \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null; \
	else echo "Install Chromium (Debian: sudo apt-get install chromium), or name one in HTMLGEN_CHROMIUM."; exit 1; fi

# For the tests alone, which start a server of their own: no cluster is made. Without it they skip what needs it.
postgresql:
	@if command -v initdb >/dev/null 2>&1 || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; then :; \
	elif command -v apt-get >/dev/null 2>&1 && [ "$$(id -u)" = 0 ]; then \
	  mkdir -p /etc/postgresql-common; \
	  [ -e /etc/postgresql-common/createcluster.conf ] || echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq postgresql >/dev/null; \
	else echo "PostgreSQL is not installed, so its tests are skipped (Debian: sudo apt-get install postgresql)."; fi

test: lint types unit browser

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed-dev
	$(BIN)/mypy

# Two files at a time, since much of it waits for servers and browsers; what a file's tests share is made once.
JOBS ?= 2
PYTEST := $(BIN)/python -m pytest -n $(JOBS) --dist loadfile

# In the order of their names: by its number of tests, as xdist would, the longest file comes last.
unit: $(VENV)/.installed-dev postgresql
	$(PYTEST) --no-loadscope-reorder -m "not browser and not engines"

# One after the other, and again where one fails: on two busy cores some tests see a moment that is over already. What
# is broken fails three times.
browser: $(VENV)/.installed-dev chromium postgresql
	$(BIN)/python -m pytest --reruns 2 --reruns-delay 2 -m browser

# The engine over real servers, transformers serve and llama.cpp's; the latter compiles for some minutes the first time
# (without its models that see, which take as long again).
test-engines: $(VENV)/.installed-dev .venv-engines/.installed
	$(BIN)/python -m pytest -m engines tests/engines

.venv-engines/.installed: requirements-engines.txt
	@test -x .venv-engines/bin/python || $(PYTHON) -m venv .venv-engines
	@echo "Compiling llama.cpp; the first time this takes some minutes."
	CMAKE_ARGS=-DLLAVA_BUILD=OFF .venv-engines/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

# Two thousand requests that schemathesis makes up, against the real app.
fuzz: $(VENV)/.installed-dev
	$(BIN)/python benchmarks/fuzz_api.py --cases 2000

# The pictures of README and docs anew, as the browser tests see them.
screenshots: $(VENV)/.installed-dev chromium
	$(BIN)/python -m pytest --reruns 2 -m browser
	$(BIN)/python -m tests.pictures

# Known weaknesses of what is installed, from PyPI's advisories. Ends with an error where they cannot be asked.
audit: $(VENV)/.installed-dev
	$(BIN)/python -m pip freeze --exclude-editable | sed 's/+[a-z0-9.]*$$//' > $(VENV)/frozen.txt
	$(BIN)/pip-audit --strict --no-deps --disable-pip --progress-spinner off -r $(VENV)/frozen.txt

clean:
	rm -rf $(VENV) .venv-engines .mypy_cache .pytest_cache .ruff_cache
