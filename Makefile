# Plinth. `make help` says what there is.
#
# `make run` and `make test` need Rust and a C compiler, nothing else. What the targets for AWS need
# (SAM CLI, the emulator, linters) they install by themselves into `.venv*`, pinned in `local/requirements-*.txt`.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PORT ?= 8080
DATA ?= .plinth

.PHONY: help
help: ## Say what there is
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  \033[1m%-16s\033[0m %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# ---- On this machine ---------------------------------------------------------------------------------

.PHONY: run
run: cargo ## Run the whole platform on http://localhost:8080 (PORT=, DATA=)
	@cargo build --locked --package local
	@exec $(DEBUG_BIN)/plinth run --port $(PORT) --data $(DATA)

.PHONY: test
test: cargo ## Run every test that needs no cloud
	cargo test --locked --workspace

PROVIDER := local/tests/federation/provider

.PHONY: federation-test
federation-test: cargo $(PROVIDER)/node_modules/.package-lock.json ## Sign in by a certified OpenID provider (needs Node.js)
	cargo test --locked --workspace --test e2e -- --ignored federation

$(PROVIDER)/node_modules/.package-lock.json: $(PROVIDER)/package-lock.json
	@command -v npm >/dev/null || { echo 'Node.js is missing (20 or later, with npm): install it from https://nodejs.org, then try again.'; exit 1; }
	cd $(PROVIDER) && npm ci && touch node_modules/.package-lock.json

OAUTH_CLIENT := local/oauth_client/node_modules/.package-lock.json

.PHONY: oauth-client-test
oauth-client-test: cargo $(OAUTH_CLIENT) ## Drive the OAuth endpoints with a certified client library (needs Node.js)
	@cargo build --locked --package local
	@node local/oauth_client/test.mjs $(DEBUG_BIN)/plinth

$(OAUTH_CLIENT): local/oauth_client/package-lock.json
	@command -v npm >/dev/null || { echo 'Node.js 20 or later is missing: see https://nodejs.org, or on Debian `apt-get install nodejs npm`.'; exit 1; }
	@npm ci --prefix local/oauth_client --no-audit --no-fund && touch $@

.PHONY: lint
lint: cargo lint-template ## Check formatting, lints, manifests and templates
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	cargo run --locked --quiet --package local -- module check

.PHONY: format
format: cargo ## Format the code
	cargo fmt --all

.PHONY: generate
generate: cargo ## Write what is generated from the modules' manifests and handlers
	@cargo run --locked --quiet --package local -- module generate
	@cargo run --locked --quiet --package local -- openapi --output docs/openapi.json

# The list of which words, and under which licence: functions/identity/src/common_passwords.rs.
ZXCVBN_TS := @zxcvbn-ts/language-common@4.1.3
PASSWORDS := functions/identity/src/password

.PHONY: common-passwords
common-passwords: cargo ## Compile the list of common passwords anew (needs npm)
	@command -v npm >/dev/null || { echo 'Node.js is missing (with npm): install it from https://nodejs.org, then try again.'; exit 1; }
	@folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && \
	npm pack --silent --pack-destination "$$folder" $(ZXCVBN_TS) && tar -xzf "$$folder"/*.tgz -C "$$folder" && \
	cargo run --locked --quiet --package identity --example common_passwords -- \
	  "$$folder/package/src/passwords.json" $(PASSWORDS)/common-additions.txt > "$$folder/list" && \
	cp "$$folder/list" $(PASSWORDS)/common.bin && ls -l $(PASSWORDS)/common.bin

.PHONY: seed
seed: cargo ## Make the demo accounts in DATA without serving, and print them
	@cargo run --locked --quiet --package local -- seed --data $(DATA)

.PHONY: reset
reset: ## Throw the data in DATA away
	@test ! -e $(DATA) || test -e $(DATA)/tables.sqlite || { echo '$(DATA) is not a data folder of Plinth; nothing was removed.'; exit 1; }
	rm -rf $(DATA)

DEBUG_BIN = $(or $(CARGO_TARGET_DIR),target)/debug

.PHONY: cargo
cargo:
	@command -v cargo >/dev/null || { echo 'Rust is missing: install it from https://rustup.rs, then try again.'; exit 1; }
	@command -v cc >/dev/null || { echo 'A C compiler is missing (SQLite and AWS-LC are C): on Debian `apt-get install build-essential`, on macOS `xcode-select --install`.'; exit 1; }

# ---- Deploying ---------------------------------------------------------------------------------------

STAGE    ?= dev
# arm64 (the default of the template) or x86_64; `host` for this machine's own binaries, which only the
# emulator may get: they are linked to this machine's C library.
ARCH     ?= arm64
TARGET   := $(or $(CARGO_TARGET_DIR),target)
SERVICES := $(notdir $(wildcard functions/*))
PACKAGES := $(addprefix --package ,$(SERVICES))
ifeq ($(ARCH),host)
BUILD     = cargo build --release --locked --bins $(PACKAGES)
BINARY    = $(TARGET)/release/$(1)
else
BUILD     = cargo lambda build --release --locked --bins --$(subst _,-,$(ARCH)) $(PACKAGES)
BINARY    = $(TARGET)/lambda/$(1)/bootstrap
endif
TOOLS    := .venv/.ready
EMULATOR := .venv-emu/.ready
CHECKOV  := .venv-checkov/.ready
WITH_TOOLS = PATH="$(CURDIR)/.venv/bin:$$PATH" SAM_CLI_TELEMETRY=0

# What `sam build` calls for each function: IdentityApi, IdentityEvents and IdentityStream are copies of
# the binary `identity`. The binaries are built once, by the first call.
.PHONY: binaries
binaries:
	$(BUILD)

build-%: binaries
	@binary=$$(echo $* | sed -E 's/(Api|Events|Stream|Jobs|Function)$$//' | tr '[:upper:]' '[:lower:]'); \
	mkdir -p "$(ARTIFACTS_DIR)" && \
	install -p -m 755 "$(call BINARY,$$binary)" "$(ARTIFACTS_DIR)/bootstrap"

.PHONY: build
build: $(TOOLS) ## Build a zip of every function for AWS (ARCH=arm64|x86_64)
	@rustup target list --installed | grep -q $(if $(filter x86_64,$(ARCH)),x86_64,aarch64)-unknown-linux-gnu || \
	  { echo 'The Rust target for $(ARCH) is missing: rustup target add $(if $(filter x86_64,$(ARCH)),x86_64,aarch64)-unknown-linux-gnu (or build with ARCH=x86_64).'; exit 1; }
	$(WITH_TOOLS) ARCH=$(ARCH) sam build --parameter-overrides Architecture=$(ARCH)
	@echo 'Sizes, zipped:'; for service in $(SERVICES); do \
	  printf '  %-12s %5s KiB\n' $$service $$(($$(gzip -c "$(call BINARY,$$service)" | wc -c) / 1024)); done

.PHONY: deploy
deploy: build ## Deploy to AWS (STAGE=dev|staging|prod)
	$(WITH_TOOLS) sam deploy --config-env $(if $(filter dev,$(STAGE)),default,$(STAGE))

.PHONY: emulator
emulator: $(TOOLS) $(EMULATOR) ## Run the AWS emulator on port 4566 and deploy to it
	$(WITH_TOOLS) .venv/bin/python local/emulator_test.py --keep --port 4566

.PHONY: watch
watch: cargo $(TOOLS) ## Run the functions from their sources with hot reload, on the tables of `make emulator` (PORT=)
	@cargo build --locked --package local
	@$(WITH_TOOLS) AWS_ENDPOINT_URL=$(or $(AWS_ENDPOINT_URL),http://127.0.0.1:4566) AWS_REGION=us-east-1 \
	  AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test $(DEBUG_BIN)/plinth watch --port $(PORT)

.PHONY: emulator-test
emulator-test: $(TOOLS) $(EMULATOR) ## Deploy the template to an AWS emulator and test it end to end
	$(WITH_TOOLS) .venv/bin/python local/emulator_test.py

.PHONY: adapter-test
adapter-test: cargo ## Test the AWS adapters against AWS_ENDPOINT_URL (an emulator, LocalStack)
	@test -n "$(AWS_ENDPOINT_URL)" || { echo 'Say where: make adapter-test AWS_ENDPOINT_URL=http://127.0.0.1:4566'; exit 1; }
	AWS_ENDPOINT_URL=$(AWS_ENDPOINT_URL) AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_REGION=us-east-1 \
	  cargo test --locked --workspace --test adapters -- --ignored

.PHONY: lint-template
lint-template: $(TOOLS) $(CHECKOV)
	$(WITH_TOOLS) AWS_DEFAULT_REGION=eu-central-1 sam validate --lint
	.venv/bin/cfn-lint template.yaml infra/*.yaml
	.venv-checkov/bin/checkov --skip-download --config-file infra/.checkov.yaml --file template.yaml infra/*.yaml

# A virtual environment per set of tools, made again when its pins change.
$(TOOLS): local/requirements-deploy.txt
$(EMULATOR): local/requirements-emulator.txt
$(CHECKOV): local/requirements-checkov.txt
$(TOOLS) $(EMULATOR) $(CHECKOV):
	@command -v python3 >/dev/null || { echo 'Python 3 is missing: on Debian `apt-get install python3 python3-venv`.'; exit 1; }
	@echo 'Installing what $< names into $(@D) ...'
	@python3 -m venv --clear $(@D) && $(@D)/bin/pip install --quiet --disable-pip-version-check -r $< && touch $@
