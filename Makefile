# From a bare Debian or Ubuntu machine with Rust to sound: make jam, make demo, make test.
# Every target installs what is missing first, asks nothing, and does nothing twice.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:

BUILD_PACKAGES := build-essential cmake pkg-config libasound2-dev
TEST_PACKAGES := jackd2 iproute2 tmux
PICTURE_PACKAGES := fonts-dejavu-core iproute2 mount util-linux
# More sound systems: `make jam FEATURES=pipewire`, or "pipewire pulseaudio", which itself needs no package.
FEATURES :=
ifneq ($(filter pipewire,$(FEATURES)),)
BUILD_PACKAGES += libpipewire-0.3-dev libclang-dev
endif
BUILD := cargo build --release --locked $(if $(FEATURES),--features "$(FEATURES)")
NEXTEST := $(shell command -v cargo-nextest 2>/dev/null)

# Installs the packages of $(1) that are missing, as root or through sudo. jackd2 asks whether it
# may use real-time priority: no, which is its default, and nobody is there to answer.
define install
missing=(); \
for package in $(1); do \
    [[ "$$(dpkg-query -W -f='$${db:Status-Abbrev}' "$$package" 2>/dev/null)" == ii* ]] || missing+=("$$package"); \
done; \
if (( $${#missing[@]} )); then \
    command -v apt-get >/dev/null || { echo "no apt-get here; jamtty needs, by your names for them: $${missing[*]}" >&2; exit 0; }; \
    as_root=(); \
    if (( EUID )); then as_root=(sudo); fi; \
    echo "installing: $${missing[*]}" >&2; \
    "$${as_root[@]}" apt-get update -q; \
    if [[ " $${missing[*]} " == *" jackd2 "* ]]; then \
        echo "jackd2 jackd/tweak_rt_limits boolean false" | "$${as_root[@]}" debconf-set-selections; \
    fi; \
    "$${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "$${missing[@]}"; \
fi
endef

.PHONY: help
help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

.PHONY: jam
jam: deps ## build and open the screen
	$(BUILD)
	./target/release/jamtty

.PHONY: demo
demo: deps ## the house band: three peers on this machine, no sound card needed
	$(BUILD)
	./target/release/jamtty demo

.PHONY: test
test: deps deps-test ## everything
	cargo nextest run --locked --no-fail-fast
	cargo test --locked --doc

.PHONY: figures
figures: deps deps-test ## what the screen costs, measured with the released program
	$(BUILD)
	JAMTTY_MEASURED=$(CURDIR)/target/release/jamtty cargo nextest run --locked --test e2e_screen --no-capture figures

.PHONY: pictures
pictures: deps ## the README's pictures, from real runs
	@$(call install,$(PICTURE_PACKAGES))
	$(BUILD)
	cd tests/pictures && cargo run --release --locked -- ../../target/release/jamtty ../../assets/loops ../../assets/pictures

.PHONY: check
check: ## what CI runs
	.ci/run

.PHONY: deps
deps: ## system packages the build needs
	@command -v cargo >/dev/null || { echo "Rust is missing: https://rustup.rs" >&2; exit 1; }
	@$(call install,$(BUILD_PACKAGES))

.PHONY: deps-test
deps-test: deps ## what the tests need besides
	@$(call install,$(TEST_PACKAGES))
	@[[ -n "$(NEXTEST)" ]] || cargo install --locked cargo-nextest
