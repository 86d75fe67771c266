# Authy2 Backend. `make` shows what there is.

MODULES    := $(shell go list -f '{{.Dir}}' -m)
VERSION    ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
COMMIT     ?= $(shell git rev-parse HEAD 2>/dev/null || echo unknown)
DATE       ?= $(shell date -u +%Y-%m-%dT%H:%M:%SZ)
LDFLAGS    := -s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT) -X main.date=$(DATE)
COMPOSE    := AUTHY2_VERSION="$(VERSION)" AUTHY2_COMMIT="$(COMMIT)" AUTHY2_DATE="$(DATE)" docker compose --env-file .env --file docker/compose.yaml
GOLANGCI   := go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
GOVULN     := go run golang.org/x/vuln/cmd/govulncheck@latest

.DEFAULT_GOAL := help
.PHONY: help run build test e2e bench seed migrate up down logs lint fmt tidy standalone vuln module clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9_-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: build ## Serve on http://127.0.0.1:5000 with SQLite in data/, migrated and seeded
	HTTP_ADDR=$${HTTP_ADDR:-127.0.0.1:5000} bin/authy2 serve --seed

build: ## Build bin/authy2, one static binary
	CGO_ENABLED=0 go build -trimpath -ldflags "$(LDFLAGS)" -o bin/authy2 ./cmd/authy2

test: build ## Run every test on SQLite, PostgreSQL and Redis, then the journeys (needs PostgreSQL and redis-server)
	@go run ./e2e/cmd/test -binary bin/authy2

e2e: build ## Run the journeys alone; run=<regexp> chooses, v=1 shows them all
	@go run ./e2e/cmd/test -binary bin/authy2 -only e2e $(if $(run),-run '$(run)') $(if $(v),-v)

bench: build ## Measure against the limit programs (needs PostgreSQL and redis-server); only=<rows> chooses
	@go run ./e2e/cmd/bench -binary bin/authy2 $(if $(only),-only '$(only)') $(if $(seconds),-seconds $(seconds))

seed: build ## Add the sample data to the database of the environment
	bin/authy2 seed

migrate: build ## Bring the database of the environment up to date
	bin/authy2 db upgrade

up: ## Build and start everything with docker compose; makes .env and a certificate first
	@sh docker/prepare.sh
	$(COMPOSE) up --detach --build

down: ## Stop and remove what make up started; the data stays
	$(COMPOSE) --profile dev --profile job down

logs: ## Follow the logs of make up
	$(COMPOSE) --profile dev --profile job logs --follow --tail 100

lint: ## Run golangci-lint over all modules
	@$(GOLANGCI) run $(addsuffix /...,$(MODULES))

fmt: ## Format the code (gofumpt, grouped imports)
	@$(GOLANGCI) fmt $(MODULES)

tidy: ## Tidy every go.mod and the workspace
	@for m in $(MODULES); do (cd $$m && GOWORK=off go mod tidy) || exit 1; done
	@go work sync

standalone: ## Check that every module builds and vets without its siblings' workspace
	@for m in $(MODULES); do echo "$$m"; (cd $$m && GOWORK=off go vet ./...) || exit 1; done

vuln: ## Look for known vulnerabilities
	@for m in $(MODULES); do (cd $$m && $(GOVULN) ./...) || exit 1; done

module: ## Make the skeleton of a new module: make module name=billing
	@go run ./platform/kernel/skeleton/newmodule -name "$(name)"

clean: ## Remove what was built
	rm -rf bin
