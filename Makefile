# Two commands: `make demo` shows the main job, `make test` checks everything. Both set up .venv first.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready

.PHONY: demo test check

# torch is pinned and installed alone: an open range would bring the GPU build, several gigabytes of it.
$(READY): pyproject.toml CMakeLists.txt $(shell find src -name '*.cpp' -o -name '*.hpp' -o -name CMakeLists.txt)
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check torch==2.13.0
	$(BIN)/pip install --quiet --disable-pip-version-check --editable ".[app,dev]"
	@touch $@

demo: $(READY)
	@rm -rf runs/demo
	$(BIN)/chainrule fit english --model gru --minutes 1 --out runs/demo
	$(BIN)/chainrule sample runs/demo --prompt "The for statement" --length 400

test: $(READY)
	$(BIN)/pytest --numprocesses 2 --quiet

# What runs before the tests in CI: style, types, and the direction of imports.
check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
