# make run · make test · make lint · make bench · make docs       (CI calls the same)

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

# Speech Commands: what the tests and recipes read. A folder `speech_commands` in data/ or in a folder beside
# this one is found by itself.
export SAYSO_DATA ?= $(abspath $(firstword $(wildcard data/speech_commands ../*/speech_commands)))

.PHONY: run test lint tests browser node engine docs bench soak fuzz experiments clean

# Without npm, or without a network, the page recognises on the server and says so.
run: $(VENV)/listening
	@command -v npm > /dev/null && $(MAKE) --no-print-directory engine || \
		echo "The page's own engine could not be fetched with npm: it will use the server."
	$(BIN)/sayso serve

test: lint tests

lint: $(VENV)/developing
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

tests: $(VENV)/developing browser node
	@command -v npm > /dev/null && $(MAKE) --no-print-directory node_modules/checking engine || [ -z "$$CI" ]
	$(BIN)/pytest

# The README's figures, from results/.
docs: $(VENV)/developing
	$(BIN)/python docs/tables.py

bench: $(VENV)/developing
	$(BIN)/python benchmarks/recognizing.py
	$(BIN)/python benchmarks/listening.py
	$(BIN)/python benchmarks/training.py
	$(BIN)/python benchmarks/caching.py

# Does the server hold? The short forms are tests. SAYSO_LOAD_S, SAYSO_FAULTS_S, SAYSO_SOAK_S: seconds of each part.
soak: $(VENV)/developing
	deploy/try.sh
	$(BIN)/python benchmarks/breaking.py
	$(BIN)/python benchmarks/serving.py
	$(BIN)/python benchmarks/soaking.py

# SAYSO_FUZZ_CASES mutated recordings; then SAYSO_FUZZ_EXAMPLES questions for each route of the API.
fuzz: $(VENV)/developing
	$(BIN)/python benchmarks/fuzzing.py --cases $(or $(SAYSO_FUZZ_CASES),20000) 2> /dev/null
	SAYSO_FUZZ_EXAMPLES=$(or $(SAYSO_FUZZ_EXAMPLES),300) $(BIN)/pytest -q tests/web/test_described.py

# Every recipe in recipes/experiments, trained and measured: hours. Interrupted, it goes on where it stopped.
experiments: $(VENV)/developing
	$(BIN)/sayso experiments recipes/experiments

# The browser tests need a Chromium; Debian's is installed where that is possible, and missed by name elsewhere.
browser:
	@command -v chromium > /dev/null || command -v chromium-browser > /dev/null || \
		command -v google-chrome > /dev/null || \
		{ [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null && apt-get update -qq && \
		  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium; } || \
		echo "No Chromium: the browser tests will say so."

# The same for what runs and checks JavaScript outside a browser.
node:
	@command -v npm > /dev/null || \
		{ [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null && apt-get update -qq && \
		  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nodejs npm; } || \
		echo "No npm: the tests of the page's scripts will say so."

# What lets a page recognise by itself: three files of onnxruntime-web, never committed, in the wheel when built.
ENGINE := src/sayso/web/static/ort
ENGINE_FILES := ort.wasm.min.mjs ort-wasm-simd-threaded.mjs ort-wasm-simd-threaded.wasm
engine: $(ENGINE)/fetched

$(ENGINE)/fetched: node_modules/running
	mkdir -p $(ENGINE)
	cp $(addprefix node_modules/onnxruntime-web/dist/,$(ENGINE_FILES)) $(ENGINE)/
	touch $@

# One stamp for each set of packages, so that a second `make run` starts at once.
$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/listening: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) --editable '.[formats]'
	touch $@

$(VENV)/developing: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) --editable '.[formats,train]' $$($(BIN)/python -c "import tomllib; \
		print(*tomllib.load(open('pyproject.toml', 'rb'))['dependency-groups']['dev'])")
	touch $@ $(VENV)/listening

# `npm ci` takes what package-lock.json names, and nothing whose hash is another.
NPM_CI := npm ci --ignore-scripts --no-audit --no-fund --loglevel=error --fetch-retries=1

node_modules/running: package-lock.json
	$(NPM_CI) --omit=dev
	touch $@

node_modules/checking: package-lock.json
	$(NPM_CI)
	touch $@ node_modules/running

clean:
	rm -rf $(VENV) node_modules $(ENGINE) build dist .mypy_cache .ruff_cache .pytest_cache
