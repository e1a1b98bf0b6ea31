# OpenUKey. One non-recursive Makefile; each folder's build.mk only names its sources.
# Everything is made under build/; `make` alone lists the targets.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules
SHELL := /bin/bash

VERSION := 0.1.0
CC := $(if $(filter default undefined,$(origin CC)),gcc,$(CC))
comma := ,
empty :=
space := $(empty) $(empty)

# SAN=address,undefined or SAN=thread builds everything with sanitizers, beside the plain build.
SAN ?=
VARIANT := $(notdir $(CC))$(if $(SAN),-$(subst $(comma),-,$(SAN)))
B := build/$(VARIANT)

WARNINGS := -Wall -Wextra -Werror -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
            -Wold-style-definition -Wvla -Wformat=2 -Wundef -Wpointer-arith -Wwrite-strings -Wimplicit-fallthrough
HARDEN := -fstack-protector-strong -fPIC -fvisibility=hidden $(if $(SAN),,-D_FORTIFY_SOURCE=2)
SANFLAGS := $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all)
CPPFLAGS := -I. -Iinclude -D_GNU_SOURCE -DOPENUKEY_VERSION='"$(VERSION)"'
CFLAGS := -std=c17 -O2 -g $(WARNINGS) $(HARDEN) $(SANFLAGS)
LDFLAGS := $(SANFLAGS) -Wl,-z,relro,-z,now -Wl,--as-needed
CIVETWEB := build/deps/civetweb

# What a build.mk may set, for a name N added to PROGRAMS, MODULES (shared objects), ARCHIVES or TESTS (cmocka programs):
#   N_SRCS    C files          N_DEPS  archives it links (after itself)      N_PKGS  pkg-config packages
#   N_LDLIBS  further -l       N_ASSETS  files to embed (symbol N_assets, see agent/http/asset.h)
PROGRAMS :=
MODULES :=
ARCHIVES :=
TESTS :=
include $(sort $(wildcard */build.mk */*/build.mk))

objects = $(patsubst %.c,$(B)/obj/%.o,$(1)) $(if $($(2)_ASSETS),$(B)/gen/$(2)_assets.o)
archives = $(foreach a,$(1),$(B)/lib/lib$(a).a)
# pkg-config is asked once a package
pkg_ask = $(if $(filter undefined,$(origin pkg_$(1)_$(2))),$(eval pkg_$(1)_$(2) := $(shell pkg-config --$(1) $(2) 2>/dev/null)))$(pkg_$(1)_$(2))
pkg_cflags = $(patsubst -I%,-isystem%,$(foreach p,$(1),$(call pkg_ask,cflags,$(p))))
# what an archive needs (archives, packages, libraries) comes with it
uniq = $(if $(1),$(firstword $(1)) $(call uniq,$(filter-out $(firstword $(1)),$(1))))
all_deps = $(call uniq,$($(1)_DEPS) $(foreach a,$($(1)_DEPS),$(call all_deps,$(a))))
link_archives = $(call archives,$(call all_deps,$(1)))
link_libs = $(foreach t,$(1) $(call all_deps,$(1)),$($(t)_LDLIBS)) \
            $(foreach p,$(sort $(foreach t,$(1) $(call all_deps,$(1)),$($(t)_PKGS))),$(call pkg_ask,libs,$(p)))

# Archives and programs appear whole: written under another name (with the shell's id), then renamed.
define archive_rules
$(call objects,$($(1)_SRCS),$(1)): EXTRA_CFLAGS += $(call pkg_cflags,$($(1)_PKGS)) $($(1)_CPPFLAGS)
$(B)/lib/lib$(1).a: $(call objects,$($(1)_SRCS),$(1))
	@mkdir -p $$(@D)
	$$(Q)rm -f $$@.$$$$$$$$ && ar rcs $$@.$$$$$$$$ $$^ && mv -f $$@.$$$$$$$$ $$@
endef

define program_rules
$(call objects,$($(1)_SRCS),$(1)): EXTRA_CFLAGS += $(call pkg_cflags,$($(1)_PKGS)) $($(1)_CPPFLAGS)
$(2): $(call objects,$($(1)_SRCS),$(1)) $(call link_archives,$(1)) $($(1)_SCRIPT)
	@mkdir -p $$(@D)
	@echo "  LINK $$@"
	$$(Q)$$(CC) $$(LDFLAGS) $(3) -o $$@.$$$$$$$$ $(call objects,$($(1)_SRCS),$(1)) -Wl,--start-group $(call link_archives,$(1)) -Wl,--end-group $(call link_libs,$(1)) && mv -f $$@.$$$$$$$$ $$@
endef

define asset_rules
$(B)/gen/$(1)_assets.c: $($(1)_ASSETS) tools/setup/embed.sh
	@mkdir -p $$(@D)
	$$(Q)tools/setup/embed.sh $(1) $($(1)_ASSETS) >$$@
endef

PROGRAM_FILES := $(addprefix $(B)/bin/,$(PROGRAMS))
MODULE_FILES := $(patsubst %,$(B)/lib/%.so,$(MODULES))
TEST_FILES := $(addprefix $(B)/tests/,$(TESTS))
$(foreach a,$(ARCHIVES),$(eval $(call archive_rules,$(a))))
$(foreach p,$(PROGRAMS),$(eval $(call program_rules,$(p),$(B)/bin/$(p),-pie)))
$(foreach m,$(MODULES),$(eval $(call program_rules,$(m),$(B)/lib/$(m).so,-shared $(if $(SAN),,-Wl$(comma)-z$(comma)defs) $($(m)_SCRIPT:%=-Wl$(comma)--version-script=%))))
$(foreach t,$(TESTS),$(eval $(call program_rules,$(t),$(B)/tests/$(t),-pie)))
$(foreach n,$(PROGRAMS) $(MODULES) $(ARCHIVES) $(TESTS),$(if $($(n)_ASSETS),$(eval $(call asset_rules,$(n)))))

Q := $(if $(V),,@)
$(B)/obj/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC   $<"
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(EXTRA_CFLAGS) -MMD -MP -c $< -o $@

$(B)/gen/%.o: $(B)/gen/%.c
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -c $< -o $@

# civetweb, from Debian's source package: third-party code, its warnings are not ours
$(CIVETWEB)/include/civetweb.h: tools/setup/civetweb.sh
	$(Q)tools/setup/civetweb.sh $(CIVETWEB)
$(B)/lib/libcivetweb.a: $(CIVETWEB)/include/civetweb.h
	@mkdir -p $(@D) $(B)/obj
	$(Q)$(CC) -O2 -g -fPIC $(SANFLAGS) -w -DNO_SSL_DL -DOPENSSL_API_3_0 -DUSE_WEBSOCKET -DUSE_IPV6 -DNO_CGI -DNO_FILES -DNO_CACHING -DSTOP_FLAG_NEEDS_LOCK \
	  -I$(CIVETWEB)/include -c $(CIVETWEB)/src/civetweb.c -o $(B)/obj/civetweb.o
	$(Q)rm -f $@.$$$$ && ar rcs $@.$$$$ $(B)/obj/civetweb.o && mv -f $@.$$$$ $@
civetweb_PKGS := libssl libcrypto
civetweb_LDLIBS := -lpthread -ldl

include firmware-sim/ports/arm/firmware.mk tests/fuzz/fuzz.mk tools/bench/bench.mk tools/install/install.mk

-include $(shell find $(B)/obj -name '*.d' 2>/dev/null)

.PHONY: help all demo check check-fast check-threads check-long conformance-report screenshots lint format clean setup-build setup-demo setup-check

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(filter Makefile %/firmware.mk %/fuzz.mk %/bench.mk %/install.mk,$(MAKEFILE_LIST)) | sed -E 's/:.*## /\t/' | expand -t 16
	@echo; echo "SAN=address,undefined | SAN=thread  sanitizer build    V=1  show commands    CC=clang  other compiler"

setup-build setup-demo setup-check: setup-%:
	@tools/setup/install.sh $*

all: $(PROGRAM_FILES) $(MODULE_FILES) ## build everything (packages must be there: make setup-build)

demo: setup-demo ## do the main job end to end on embedded defaults (ONCE=1 ends by itself, TRANSPORT=pcsc uses the real pcscd)
	+@$(MAKE) --no-print-directory all
	@BUILD=$(B) node tools/demo/demo.mjs $(if $(ONCE),--once) $(if $(TRANSPORT),--transport $(TRANSPORT))

check: setup-check ## all tests: unit, integration, browser, conformance, faults (ONLY=pattern selects)
	+@$(MAKE) --no-print-directory all $(TEST_FILES)
	@BUILD=$(B) SAN=$(SAN) node tests/run.mjs $(if $(ONLY),--only '$(ONLY)')

check-fast: ## the unit tests alone, no installation
	+@$(MAKE) --no-print-directory all $(TEST_FILES)
	@BUILD=$(B) SAN=$(SAN) node tests/run.mjs --only 'tests/unit'

# the programs around them are the plain ones: ThreadSanitizer watches the module, the agent, and the threads that use them
check-threads: setup-check ## threads and programs that share keys, under ThreadSanitizer
	+@$(MAKE) --no-print-directory all
	+@$(MAKE) --no-print-directory SAN=thread $(addprefix build/$(notdir $(CC))-thread/bin/,p11-stress ukey-agent) build/$(notdir $(CC))-thread/lib/openukey-pkcs11.so
	@BUILD=$(B) STRESS_BUILD=build/$(notdir $(CC))-thread TSAN_OPTIONS="halt_on_error=1 second_deadlock_stack=1 suppressions=$(CURDIR)/tests/faults/tsan.supp" \
	  node tests/run.mjs --only tests/faults/sharing

check-long: export LONG := 1
check-long: check ## check, and the campaigns that take longer (tests see LONG=1)

screenshots: ## make the pictures of docs/screenshots (Xvfb, xdotool, xterm, ImageMagick)
	+@$(MAKE) --no-print-directory $(B)/bin/ukey-consent $(B)/bin/ukey-consent-tty
	@BUILD=$(B) node tools/screenshots/dialogs.mjs

conformance-report: setup-check ## check our module and SoftHSM2 against PKCS #11; writes docs/conformance.md
	+@$(MAKE) --no-print-directory all
	@BUILD=$(B) node tests/conformance/report.mjs

lint: setup-check ## clang-format, clang-tidy, cppcheck, one-way dependencies
	@tools/setup/lint.sh $(CIVETWEB)

format: ## apply .clang-format
	@git ls-files -co --exclude-standard '*.c' '*.h' | xargs clang-format -i

clean: ## remove what was built (keeps fetched sources)
	rm -rf $(filter-out build/deps,$(wildcard build/*))
