# make lab    set everything up in .venv and open JupyterLab on the course
# make test   set everything up and run the unit tests and the notebooks, in a real browser too
# make demo   reconstruct the sample photo into out/demo/, without a browser
# make site   build the course as pages to read into _build/site/, without a network
# make lock   resolve requirements.lock anew from pyproject.toml
#
# PYTHON=python3.12 picks another interpreter, LAB_FLAGS="--no-browser --port 9000" is handed to JupyterLab.

PYTHON ?= python3
PHOTO ?= assets/photos/astronaut_hand.jpg
MASK ?=
LAB_FLAGS ?=
BIN := .venv/bin

.PHONY: lab test demo site lock setup

lab: setup
	$(BIN)/python -m jupyterlab --ServerApp.root_dir=. --LabApp.default_url=/lab/tree/notebooks \
		$(if $(filter 0,$(shell id -u)),--allow-root) $(LAB_FLAGS)

# TQDM_DISABLE: progress bars differ from run to run. --kernel-memory: in GB; the aim is 1.5, and machines differ by a tenth.
test: SET_UP_FLAGS := --for-tests
test: setup
	TQDM_DISABLE=1 $(BIN)/python -m pytest tests notebooks \
		--nbval-lax --nbval-sanitize-with tests/notebooks/sanitize.cfg \
		-p tests.notebooks.memory --kernel-memory 1.6

demo: setup
	$(BIN)/occlib reconstruct $(PHOTO) $(if $(MASK),--mask $(MASK)) --out out/demo

site: setup
	$(BIN)/python -m sphinx -W --keep-going -q -c docs . _build/site
	@echo "_build/site/index.html"

# --python-version 3.10: the oldest that has to work; no address of a registry goes into the file.
lock: setup
	$(BIN)/uv pip compile pyproject.toml --quiet --all-extras --group build --universal --python-version 3.10 \
		--generate-hashes --no-emit-index-url --no-header --output-file requirements.lock

setup:
	@$(PYTHON) tools/set_up.py $(SET_UP_FLAGS)
