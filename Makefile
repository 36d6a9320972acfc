# Stepworks. `make help` lists the targets. Only Go and make are needed, except
# where a target says otherwise.

GO      ?= go
# Where a stack that `make run` drives lives: empty starts the local AWS.
ENDPOINT ?=
# local starts a local AWS; aws tells the stories to AWS itself, to the stack STACK, with
# the credentials and the region of your environment: make run TARGET=aws STACK=NAME
TARGET  ?= local
STACK   ?=
# One story of `make run`, by name: make run STORY=declined
STORY   ?=
# The architecture that functions are built for: arm64 or x86_64.
ARCH    ?= arm64
# What one function may weigh. Cold starts and the linker's dead code go by it:
# net/rpc or text/template alone would cost a third more.
MAX_MB  ?= 12
# gofakeit brings 8 MB of words: the two functions that make people up may weigh more.
MAX_MB_FAKER ?= 18
FAKERS  := getMultiple|processSingle
# How many granted actions `make permissions` takes away in turn.
MUTATE  ?= 4

export CGO_ENABLED ?= 0

.DEFAULT_GOAL := help
.PHONY: help run up test browser screenshots conformance race cover build deploy lint fmt bench slow clean permissions

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: ## build, start the local AWS, deploy, tell the stories; exit 1 if one ends otherwise than expected
	@$(GO) run ./local run $(if $(ENDPOINT),--endpoint $(ENDPOINT)) $(if $(STORY),--story $(STORY)) --target $(TARGET) $(if $(STACK),--stack $(STACK)) $(ARGS)

up: ## keep the local AWS running: endpoint http://127.0.0.1:4566
	@$(GO) run ./local up $(ARGS)

test: ## all tests, and which places of each machine they take; under 60 s when the build is warm
	$(GO) test ./...
	@$(GO) test ./statemachines -v | grep '^coverage'

browser: ## click through the console with Chromium (CHROMIUM=path), and print page weights and times; needs Chromium
	BROWSER=true $(GO) test ./local -run TestOrdersInABrowser -count=1 -v
	FIGURES=true $(GO) test ./local/internal/stack -run TestConsoleFigures -count=1 -v

screenshots: ## the pictures of docs/images, from the stories; needs Chromium
	SCREENSHOTS=docs/images $(GO) test ./local -run TestScreenshots -count=1 -v
	$(GO) run ./local graph statemachines/order-processing.asl.json > docs/images/order-processing.svg

conformance: ## the recorded answers of AWS, where they are at hand (needs python3 with boto3: PYTHON=...)
	CONFORMANCE=1 $(GO) test ./local -run TestRecordedAnswers -count=1 -v

race: ## all tests under the race detector (needs a C compiler)
	CGO_ENABLED=1 $(GO) test -race ./...

cover: ## statement coverage of the workers
	$(GO) test -coverprofile=coverage.out -coverpkg=./functions/...,./shared/... ./functions/... ./shared/...
	@$(GO) tool cover -func=coverage.out | tail -1

build: ## build every function for AWS (ARCH=arm64 or x86_64), print the sizes, and fail above MAX_MB
	@mkdir -p bin/$(ARCH)
	@GOOS=linux GOARCH=$(GOARCH_$(ARCH)) $(GO) build $(LAMBDA_FLAGS) -o bin/$(ARCH)/ ./functions/...
	@ls -l bin/$(ARCH) | awk 'NR>1{printf "  %-20s %6.2f MB\n", $$9, $$5/1e6; n++; s+=$$5; \
	  max = $$9 ~ /^($(FAKERS))$$/ ? $(MAX_MB_FAKER) : $(MAX_MB); if ($$5 > max*1e6) big = big " " $$9 " (" max ")"} \
	  END{printf "  %d functions, %.1f MB\n", n, s/1e6; if (big) {print "above their budget in MB:" big; exit 1}}'

deploy: ## sam build and sam deploy (ARCH, PARAMETERS="Name=value ..."); AWS_ENDPOINT_URL decides where to; needs the SAM CLI
	$(if $(filter no,$(BUILD)),,ARCH=$(ARCH) sam build)
	sam deploy --parameter-overrides "Architecture=$(ARCH) $(PARAMETERS)"

lint: ## gofmt, go vet, golangci-lint, go mod tidy: nothing may be left to say
	@test -z "$$(gofmt -l .)" || { echo "gofmt wants:"; gofmt -l .; exit 1; }
	$(GO) vet ./...
	$(GO) mod tidy -diff
	$(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0 run

fmt: ## format
	gofmt -w .

bench: ## benchmarks, as ratios against a baseline of the same run
	$(GO) test -run '^$$' -bench . -benchtime 1s ./functions ./functions/reports/... ./local/... ./shared/...

permissions: ## what the roles are granted and never use, and whether a story notices when an action is taken away (MUTATE=N; -1: every one)
	$(GO) run ./local iam --mutate=$(MUTATE)

slow: ## long fuzzing and crash tests, beyond the sample that `make test` runs
	SLOW=1 $(GO) test ./local/internal/stack -run "TestBadInput|TestOddValues" -count=1 -v -timeout 30m
	$(GO) test ./local/internal/stack -run TestQueueMemory -messages 1000000 -count=1 -v -timeout 60m
	SLOW=1 $(GO) test ./local/internal/story -run 'Storm|Express' -count=1 -v -timeout 30m
	$(GO) test ./local/internal/stepfunctions -run TestKills -kills 200 -count=1 -v -timeout 30m
	$(GO) test ./local -run TestKills -kills 200 -count=1 -v -timeout 30m
	@for pkg in $$($(GO) list ./local/... ./shared/...); do \
	  for target in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz'); do \
	    echo "$$pkg $$target"; $(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime 1m $$pkg || exit 1; \
	  done; done
	$(GO) run ./local iam --mutate=-1

clean: ## remove what was built, and the local state
	rm -rf bin .local .aws-sam coverage.out

# SAM runs `make build-<LogicalId>` with ARTIFACTS_DIR set, once for each
# function: ValidateFunction is functions/*/validate. The flags make a static,
# stripped, reproducible binary; lambda.norpc lets the linker drop a third of it.
# These targets must not be phony: make looks up no pattern rule for those.
GOARCH_arm64  := arm64
GOARCH_x86_64 := amd64
LAMBDA_FLAGS  := -trimpath -buildvcs=false -tags=lambda.norpc -ldflags="-s -w -buildid="

build-%Function:
	@step=$$(printf %s '$*' | cut -c1 | tr A-Z a-z)$$(printf %s '$*' | cut -c2-); \
	dir=$$(ls -d functions/*/$$step); \
	CGO_ENABLED=0 GOOS=linux GOARCH=$(GOARCH_$(ARCH)) $(GO) build $(LAMBDA_FLAGS) -o "$(ARTIFACTS_DIR)/bootstrap" ./$$dir
