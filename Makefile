# The two commands are `make demo` and `make test`; the rest serves them.
export CARGO_TARGET_DIR ?= $(HOME)/.cache/millrace/target
WASM_TARGET := wasm32-unknown-unknown
PLUGINS := safe_parse enrich fraud_rules velocity sessionize top_k haversine
MILLRACE := $(CARGO_TARGET_DIR)/release/millrace

.PHONY: demo demo-kafka test fuzz kill-rounds swap-minute build plugins test-plugins languages kafka bench flights setup clean

# Runs the main job on made-up transactions: no server, no set-up.
demo: setup build plugins
	@scripts/demo

# The same between topics of a real Kafka broker, which is fetched from Maven Central.
demo-kafka: setup build plugins kafka
	@scripts/demo-kafka

# Everything that the tests need is built first.
test: setup plugins test-plugins kafka
	cargo build --workspace
	@scripts/build-languages $(CARGO_TARGET_DIR)/debug/millrace
# What builds projects keeps the machine busy: tests that watch the clock would not have their time.
	cargo test --workspace -- --skip languages::projects
	cargo test --workspace --test front_door languages::projects
	@scripts/test-sdks $(CARGO_TARGET_DIR)/debug/millrace

# The process between Kafka topics, killed so many times; `make test` does it a few times.
KILL_ROUNDS ?= 200
kill-rounds: setup plugins kafka
	cargo build --workspace
	MILLRACE_KILL_ROUNDS=$(KILL_ROUNDS) cargo test --workspace --test front_door killed_again

# Swaps every 100 ms under full load for a minute; `make test` does it for a few seconds.
swap-minute: setup plugins test-plugins
	cargo build --workspace
	MILLRACE_SWAP_SECONDS=60 cargo test --workspace --test front_door swaps_under_full_load

# Outputs of guests, made up to break the host: make fuzz SECONDS=600
SECONDS ?= 60
fuzz: setup
	@scripts/fuzz $(SECONDS)

build: setup
	cargo build --release --workspace

# The plugins that ship, as components in plugins/dist.
plugins: setup
	@scripts/build-plugins $(PLUGINS)

test-plugins: setup
	@scripts/build-plugins hostile tagged counter witness mirror remember late_flights

# The same plugins in all other languages, as components in plugins/dist/LANGUAGE; what compiles them
# is installed into a directory of Millrace's own.
languages: setup build
	@scripts/build-languages $(MILLRACE)

# The broker that tests and benchmarks talk to.
kafka: setup
	@scripts/setup kafka
	@scripts/kafka fetch

# All benchmarks, or one: make bench ONLY=boundary
bench: setup build plugins languages kafka
	@scripts/bench $(ONLY)

# The flights of 2013, checked against the same query in batch.
flights: setup build
	@scripts/build-plugins late_flights
	@examples/flights/run

# What a fresh machine lacks.
setup:
	@scripts/setup

clean:
	rm -rf plugins/dist sdk/*/examples/*/build sdk/c/zig/examples/*/build examples/*/out examples/*/.millrace bench-results
