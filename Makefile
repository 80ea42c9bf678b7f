# perfcast: `make run` starts everything, `make test` runs all tests.
GO      ?= go
CORPUS  ?= ../shared/corpus
BIN     := bin/perfcast
NODE    := $(shell command -v node 2>/dev/null)
PYTHON  ?= python3

.PHONY: run build test short web generate fmt vet lint bench pretrain makeup accuracy card schemathesis load clean

run: build ## build and start both servers with an embedded database
	./$(BIN)

build: web ## the one binary
	$(GO) build -o $(BIN) .

web: ## GraphiQL's files, from npm; without Node the rest still builds and runs
ifeq ($(NODE),)
	@echo "Node.js is not installed: building without GraphiQL (its page will say so)"
else
	@cd web && sh build.sh
endif

test: build test-env ## every test; the corpus is used where CORPUS has it
	PERFCAST_CORPUS=$(CORPUS_PATH) PERFCAST_BIN=$(abspath $(BIN)) $(GO) test ./...

CORPUS_PATH := $(if $(wildcard $(CORPUS)/measurements.csv.gz),$(abspath $(CORPUS)))

# What the client tests need: npm packages and a Python environment.
test-env:
ifneq ($(NODE),)
	@cd test/js && { [ -d node_modules ] || npm ci --no-audit --no-fund --silent; }
endif
	@if command -v $(PYTHON) >/dev/null; then sh test/python/env.sh $(PYTHON); else echo "Python is not installed: its clients are not tested"; fi

short: ## the tests that need no Node, no Python and no corpus
	$(GO) test -short ./...

generate: ; $(GO) generate ./...
fmt: ; gofmt -l -w $$(git ls-files '*.go')
vet: ; $(GO) vet ./...
lint: ; golangci-lint run

schemathesis: build test-env ## both ports against their OpenAPI documents, at length
	PERFCAST_EXAMPLES=50 PERFCAST_BIN=$(abspath $(BIN)) $(GO) test -count 1 -timeout 60m -v -run Schemathesis ./test/python

bench: ## the README's figures of single calls, in process
	$(GO) test -run '^$$' -bench 'Predict|Sweep|Record' -benchtime 2s ./app

load: build ## the README's figures over HTTP, beside the server that was replaced
	sh bench/load.sh $(BIN)

pretrain: ## rebuild the embedded artefact from the corpus: the same bytes
	$(GO) run . train --out predictor/artefact.bin $(CORPUS)

makeup: ## count again what networks are made of; needs a Python with torch, timm and torchvision
	$(PYTHON) catalog/makeup.py >catalog/makeup.csv

accuracy: build ## the README's accuracy table, by cross-validation on the corpus
	./$(BIN) evaluate --bars --folds 3 $(CORPUS)

card: build ## the model card of the embedded artefact, by cross-validation on the corpus
	./$(BIN) evaluate --card --folds 3 $(CORPUS) >docs/model-card.md

clean: ; rm -rf bin web/assets/*.js web/assets/*.css .venv
