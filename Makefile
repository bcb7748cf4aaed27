# SPDX-License-Identifier: GPL-2.0-only
# hold-maps: the patch series, the kernels and tools built from them, and the guests that test them. See 'make help'.
include versions.mk

# Which kernel 'make vm', 'make shell' and 'make kernel' mean. The tests say themselves on which they run.
only_on := $(KERNEL)
KERNEL ?= patched
V ?=

MAKEFLAGS += --no-print-directory --no-builtin-rules -j$(shell nproc)
SHELL := /bin/bash
Q := $(if $(filter 1,$(V)),,@)
scripts := .make
step := $(scripts)/step.sh
export KERNEL KERNEL_SRC IPROUTE2_SRC POSTER TIMEOUT V
# Variables that a sub-make would pick up
MAKEOVERRIDES :=
unexport ARCH CROSS_COMPILE LLVM O KBUILD_OUTPUT CFLAGS CPPFLAGS LDFLAGS CC HOSTCC
# The command for the guest reaches it as it was typed, but for make's own '$$', which is one '$'.
override RUN := $(subst $$$$,$$,$(value RUN))
export RUN

kernels := base patched debug kcsan lts um-base um um-debug
ifeq ($(filter $(KERNEL),$(kernels)),)
$(error KERNEL=$(KERNEL) is none of: $(kernels))
endif
# Check arguments before building.
ifneq ($(TIMEOUT),)
ifneq ($(shell printf '%s' '$(TIMEOUT)' | tr -d 0-9),)
$(error TIMEOUT=$(TIMEOUT) is not a number of seconds)
endif
endif
ifneq ($(filter vm,$(MAKECMDGOALS)),)
ifeq ($(strip $(RUN)),)
$(error no command given for the guest: make vm RUN='uname -a')
endif
endif
tools_of = $(if $(filter base um-base,$1),base,patched)
guest_of = build/boot/$1 $(tools-$(call tools_of,$1)) build/vm/init build/vm/no-guard.so
tools-base := build/tools/base/ip build/tools/base/bpftool
tools-patched := build/tools/patched/ip build/tools/patched/bpftool
guest := $(call guest_of,$(KERNEL))

.PHONY: all help deps sources kernel tools selftests selftests-demo using using-more vm shell demo check check-all check-long check-upstream bench export lint pictures posting deb clean FORCE
.DELETE_ON_ERROR:
.SECONDARY:

all: $(call guest_of,patched) ## the patched kernel, its tools and what the guest needs

help: ## this list
	@echo "make TARGET [KERNEL=$(subst $() ,|,$(kernels))] [V=1]"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' Makefile
	@echo "KERNEL_SRC=DIR and IPROUTE2_SRC=DIR use your own source trees, until 'make clean'."

deps: ## install the packages that are missing
	$(Q)$(scripts)/deps.sh

deps-%: deps
	$(Q)$(scripts)/deps.sh $*

# ---- sources: build/state/TREE changes when what build/src/TREE holds does ------------------------------------------

trees := linux linux-patched libbpf-patched iproute2 iproute2-patched
states := $(trees:%=build/state/%)
lts-states := build/state/lts build/state/lts-patched

sources: $(states) $(if $(filter lts,$(KERNEL)),$(lts-states)) ## the source trees in build/src, with the series applied

$(states) $(lts-states): build/state/%: FORCE | deps
	$(Q)$(scripts)/series.sh sync $*

export: | deps ## write the commits in build/src back to the patch folders
	$(Q)$(scripts)/series.sh export

# ---- kernels and tools ----------------------------------------------------------------------------------------------

# Build only what the chosen tests need.
run = selftests/run $(if $(only_on),-k $(only_on))
tests_of = $(if $(filter $1,$(MAKECMDGOALS)),$(or $(shell $(run) -t $2 --targets $3),$(error the tests cannot run, see above)))
for-check := $(call tests_of,check,check,$(T))
for-check-all := $(call tests_of,check-all,all,$(T))
for-check-long := $(call tests_of,check-long,long,$(PART:%=long_%))

kernel: build/boot/$(KERNEL) ## build the kernel KERNEL (build/boot/, build/kernel/)

build/boot/base build/boot/um-base: build/state/linux
build/boot/lts: build/state/lts-patched
$(filter-out %base %/lts,$(kernels:%=build/boot/%)): build/state/linux-patched
$(kernels:%=build/boot/%): selftests/vm/common.config $(addprefix $(scripts)/,kernel.sh configure.sh)
$(filter build/boot/um%,$(kernels:%=build/boot/%)): selftests/vm/um.config
$(filter-out build/boot/um%,$(kernels:%=build/boot/%)): selftests/vm/x86.config
build/boot/debug build/boot/um-debug: selftests/vm/debug.config
build/boot/kcsan: selftests/vm/kcsan.config
# Of two kernels that differ by the series, the second one to be built finds half of its objects in ccache.
build/boot/um-base: | $(filter build/boot/um,$(for-check) $(for-check-all))
build/boot/base: | $(filter build/boot/patched,$(for-check) $(for-check-all) $(for-check-long))
$(kernels:%=build/boot/%): build/boot/%:
	+$(Q)$(step) kernel-$* $(scripts)/kernel.sh $*

tools: $(tools-base) $(tools-patched) ## ip, tc and bpftool, base and patched (build/tools/)

libbpf.a := usr/lib64/libbpf.a
build/libbpf/base/$(libbpf.a): build/state/linux
build/libbpf/patched/$(libbpf.a): build/state/libbpf-patched
build/libbpf/%/$(libbpf.a): $(scripts)/tools.sh
	+$(Q)$(step) libbpf-$* $(scripts)/tools.sh libbpf $*

# bpftool needs the BTF of any kernel, to name the processes that have an object open. Use one that is built anyway.
first_of = $(or $(if $(filter check% selftests,$(MAKECMDGOALS)),,$(filter $1,$(KERNEL))),$2)
btf-base := build/boot/$(call first_of,base,um-base)
btf-patched := build/boot/$(call first_of,patched debug kcsan um-debug,um)
build/tools/base/bpftool: | $(btf-base)
build/tools/patched/bpftool: | $(btf-patched)
build/tools/%/bpftool: build/libbpf/%/$(libbpf.a)
	+$(Q)$(step) bpftool-$* $(scripts)/tools.sh bpftool $*

build/tools/base/ip: build/state/iproute2
build/tools/patched/ip: build/state/iproute2-patched
build/tools/%/ip: build/libbpf/%/$(libbpf.a)
	+$(Q)$(step) iproute2-$* $(scripts)/tools.sh iproute2 $*

# Used only by tests: built without libbpf, or with AddressSanitizer
build/tools/base-%/ip: build/state/iproute2 build/libbpf/base/$(libbpf.a)
	+$(Q)$(step) iproute2-base-$* $(scripts)/tools.sh iproute2 base-$*

build/tools/patched-%/ip: build/state/iproute2-patched build/libbpf/patched/$(libbpf.a)
	+$(Q)$(step) iproute2-patched-$* $(scripts)/tools.sh iproute2 patched-$*

build/tools/patched-%/bpftool: build/libbpf/patched/$(libbpf.a) | $(btf-patched)
	+$(Q)$(step) bpftool-patched-$* $(scripts)/tools.sh bpftool patched-$*

# libFuzzer with the loader of iproute2
build/fuzz/base-nolibbpf: build/state/iproute2
build/fuzz/patched build/fuzz/patched-nolibbpf: build/state/iproute2-patched
build/fuzz/%: selftests/fuzz/build-fuzzer selftests/fuzz/objects.c build/libbpf/patched/$(libbpf.a) | deps-check
	+$(Q)$(step) fuzz-$* selftests/fuzz/build-fuzzer $*

build/vm/init: selftests/vm/init.c | deps
	$(Q)mkdir -p $(@D)
	$(Q)gcc -Wall -Wextra -O2 -static -o $@ $<

build/vm/no-guard.so: selftests/vm/no-guard.c | deps
	$(Q)mkdir -p $(@D)
	$(Q)gcc -Wall -Wextra -O2 -D_GNU_SOURCE -shared -fPIC -o $@ $<

# ---- the guest ------------------------------------------------------------------------------------------------------

vm: $(guest) ## run RUN='command' in the guest [TIMEOUT=300]
	@selftests/vm/vm.sh "$$RUN"

shell: $(guest) ## a shell in the guest
	@selftests/vm/vm.sh --shell

# ---- tests ----------------------------------------------------------------------------------------------------------

selftests: build/libbpf/base/$(libbpf.a) build/libbpf/patched/$(libbpf.a) build/tools/patched/bpftool build/state/iproute2 ## the programs and objects of the tests (build/selftests/)
	+$(Q)$(step) selftests $(MAKE) -C selftests

# The programs of docs/using.md
using: selftests
	+$(Q)$(step) using $(MAKE) -C selftests using

using-more: using | deps-check
	+$(Q)$(step) using-more $(MAKE) -C selftests using-more

# The part that the demonstration needs, which is quick to build
selftests-demo: build/libbpf/patched/$(libbpf.a)
	+$(Q)$(step) selftests-demo $(MAKE) -C selftests demo

demo: $(call guest_of,patched) selftests-demo ## show the difference that hold-maps makes, with real packets
	@selftests/demo/show

check: $(for-check) | deps ## the everyday tests, or T='NAME NAME.CASE', on all kernels or on KERNEL
	@$(run) $(T)

check-all: $(for-check-all) | deps-check ## every test but those that take hours
	@$(run) -t all $(T)

check-long: $(for-check-long) | deps-check ## tests that take hours; PART=name (crashes, soak, upgrades ...) runs one
	@$(run) -t long $(PART:%=long_%)

# ---- upstream's suites ----------------------------------------------------------------------------------------------

build/upstream/%/obj/test_progs: build/state/libbpf-patched $(addprefix selftests/upstream/,build-suites lists included) | build/boot/patched deps-upstream
	+$(Q)$(step) upstream-$* selftests/upstream/build-suites $*

build/upstream/iproute2-%/misc/ss: build/tools/%/ip selftests/upstream/build-suites
	+$(Q)$(step) upstream-iproute2-$* selftests/upstream/build-suites iproute2 $*

build/upstream/tdc/action-ebpf: build/state/linux selftests/upstream/build-suites | deps-upstream
	$(Q)$(step) upstream-tdc selftests/upstream/build-suites tdc

check-upstream: $(call tests_of,check-upstream,upstream) | deps-upstream ## run upstream's own suites, base against patched
	@$(run) -t upstream

# ---- benchmarks -----------------------------------------------------------------------------------------------------

bench: $(call guest_of,base) $(call guest_of,patched) selftests | deps-bench ## count what a hold costs, into docs/benchmarks.md
	@selftests/bench/measure

# ---- pictures -------------------------------------------------------------------------------------------------------

pictures: | deps-pictures ## draw docs/*.dot again
	$(Q)for dot in docs/*.dot; do dot -Tsvg "$$dot" -o "$${dot%.dot}.svg" || exit; done

# ---- for the lists --------------------------------------------------------------------------------------------------

lint: $(call tests_of,lint,lint) | deps-lint ## checkpatch, round trip, shellcheck, shfmt, documentation, each patch built by itself
	@$(run) -t lint

posting: $(states) | deps-posting ## write the mails for the lists and check them (build/posting/) [POSTER='Name <address>']
	$(Q)$(scripts)/posting.sh

# ---- packages -------------------------------------------------------------------------------------------------------

asked-deb = KERNEL='$(KERNEL)' RELEASE='$(RELEASE)' PART='$(PART)' KERNEL_CONFIG='$(KERNEL_CONFIG)' REVISION='$(REVISION)'
for-deb := $(if $(filter deb,$(MAKECMDGOALS)),$(or $(shell $(asked-deb) .make/deb/packages --targets),$(error packages cannot be built, see above)))

deb: $(for-deb) | deps-deb ## Debian packages, in build/deb/RELEASE [PART='libbpf iproute2 tools kernel'] [KERNEL_CONFIG=file|cloud]
	@$(asked-deb) .make/deb/packages

clean: ## remove build/; refused if build/src has commits that are not exported
	$(Q)[ ! -d build/src ] || $(scripts)/series.sh saved
	$(Q)rm -rf build
