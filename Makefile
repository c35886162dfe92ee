# SPDX-License-Identifier: GPL-2.0-or-later
#
# vswitchd: a user-space Ethernet switch for virtual machines
#
#   make run      install what is missing, build, start a switch      make demo   two guests talk through one
#   make check    all tests, from a bare Debian machine               make bench  compare with others
#   make help     the rest
#
# Every object goes below build/; V=1 shows the commands.

ifeq ($(origin CC),default)
CC       := gcc
endif
CFLAGS   ?= -O2 -g
WERROR   ?= -Werror
BUILD    ?= build
PYTHON   ?= /usr/bin/python3

prefix      ?= /usr/local
exec_prefix ?= $(prefix)
bindir      ?= $(exec_prefix)/bin
sbindir     ?= $(exec_prefix)/sbin
libexecdir  ?= $(exec_prefix)/libexec
datarootdir ?= $(prefix)/share
mandir      ?= $(datarootdir)/man
docdir      ?= $(datarootdir)/doc/vswitchd

WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wwrite-strings \
            -Wvla -Wundef -Wno-missing-field-initializers $(WERROR)
HARDEN   := -fstack-protector-strong -fPIE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
# Where the switch finds its helper program once both are installed, seen from its own directory.
LIBEXEC  := $(shell realpath -m --relative-to=$(sbindir) $(libexecdir)/vswitchd)
ALL_CFLAGS  = -std=gnu17 -D_GNU_SOURCE -Iswitch -DVSW_LIBEXEC='"$(LIBEXEC)"' $(WARNINGS) $(MODE_CFLAGS) $(CFLAGS) $(CPPFLAGS)
ALL_LDFLAGS = $(MODE_LDFLAGS) $(LDFLAGS)
LIBS     := -lev -lmnl

# MODE=plain is what users get, MODE=asan what the tests run, MODE=tsan what tells whether threads share anything.
MODE ?= plain
ifneq ($(filter asan tsan,$(MODE)),)
OUT          := $(BUILD)/$(MODE)
SANITIZE_asan := -fsanitize=address,undefined -fno-sanitize-recover=undefined
SANITIZE_tsan := -fsanitize=thread
SANITIZE     := $(SANITIZE_$(MODE)) -fno-omit-frame-pointer
MODE_CFLAGS   = -O1 -g $(SANITIZE)
MODE_LDFLAGS  = $(SANITIZE)
CFLAGS       := $(filter-out -O%,$(CFLAGS))
else
OUT          := $(BUILD)
MODE_CFLAGS  := $(HARDEN)
MODE_LDFLAGS := -pie -Wl,-z,relro,-z,now
endif

SOURCES  := $(wildcard switch/*/*.c switch/ports/*/*.c switch/control/*/*.c)
OBJECTS  := $(SOURCES:%.c=$(OUT)/obj/%.o)
UNITS    := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/test_*.c))
UNIT_COMMON := $(filter-out tests/unit/test_%,$(wildcard tests/unit/*.c))
HEADERS  := $(wildcard switch/*/*.h switch/ports/*/*.h switch/control/*/*.h tests/unit/*.h)

ifneq ($(V),1)
say = @printf '%-6s %s\n' $(1) $(2);
else
say =
endif

.PHONY: all deps run demo check check-unit check-e2e check-full fuzz bench lint format install uninstall clean help
.DELETE_ON_ERROR:

all: $(OUT)/vswitchd $(OUT)/vswctl $(OUT)/vswplug

$(OUT)/vswitchd: $(OUT)/obj/switch/main.o $(OBJECTS)
	$(call say,LINK,$@) $(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$(OUT)/vswctl: $(OUT)/obj/switch/vswctl.o $(OUT)/obj/switch/util/default_dir.o
	$(call say,LINK,$@) $(CC) $(ALL_LDFLAGS) -o $@ $^

$(OUT)/vswplug: $(OUT)/obj/switch/vswplug.o
	$(call say,LINK,$@) $(CC) $(ALL_LDFLAGS) -pthread -o $@ $^ -lvdeplug

# libvdeplug loads its modules in a way (RTLD_DEEPBIND) that AddressSanitizer refuses.
ifeq ($(MODE),asan)
$(OUT)/vswplug $(OUT)/obj/switch/vswplug.o: private SANITIZE := -fsanitize=undefined -fno-sanitize-recover=undefined
endif

$(OUT)/obj/%.o: %.c $(OUT)/flags
	@mkdir -p $(@D)
	$(call say,CC,$<) $(CC) $(ALL_CFLAGS) $(EXTRA_CFLAGS) -MMD -MP -c -o $@ $<

# Objects are made anew when the compiler or its flags change.
$(OUT)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS)' | cmp -s - $@ || echo '$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS)' > $@
FORCE:

-include $(wildcard $(OUT)/obj/switch/*.d $(OUT)/obj/*/*/*.d $(OUT)/obj/*/*/*/*.d)

# ---- packages -------------------------------------------------------------------------------------------------------

BUILD_PACKAGES := gcc libc6-dev make libev-dev libmnl-dev libvdeplug-dev
GUEST_PACKAGES := qemu-system-x86 busybox-static iperf3 cpio python3
CHECK_PACKAGES := $(GUEST_PACKAGES) clang libclang-rt-14-dev libcmocka-dev python3-pytest python3-pytest-xdist \
                  libvdeplug-dev vdeplug vde2 vde-switch vde-wirefilter libvdeplug-slirp libvdeplug-pcap \
                  iproute2 procps util-linux valgrind groff-base socat dnsmasq-base tshark ethtool passt libvirt-clients libxml2-utils
LINT_PACKAGES  := clang clang-format cppcheck shellcheck python3
# Installing Open vSwitch may start its service; the bench does without, its own has private sockets.
BENCH_PACKAGES := $(GUEST_PACKAGES) vde-switch openvswitch-switch iproute2 util-linux

# $(call need,PACKAGES,PURPOSE): installs those that are missing, saying so first
define need
@missing=$$(for p in $(1); do \
      dpkg-query -W -f='$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || echo $$p; done); \
  if [ -n "$$missing" ]; then \
      echo "Installing from Debian, $(2):" $$missing; \
      sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
      said=$$( { $$sudo apt-get update -qq && \
          $$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing; \
      } 2>&1) || { echo "$$said"; exit 1; }; \
  fi
endef

deps:
	$(call need,$(BUILD_PACKAGES),to build the switch)

deps-guest: deps
	$(call need,$(GUEST_PACKAGES),to boot test guests)

deps-check: deps-guest
	$(call need,$(CHECK_PACKAGES),to test the switch)

# ---- for users ------------------------------------------------------------------------------------------------------

# Options for the switch: make run ARGS='-t tap0 -n 64'
run: deps
	@$(MAKE) --no-print-directory -s all
	@qemu=$$(command -v qemu-system-$$(uname -m) || command -v qemu-system-x86_64); \
	  if [ -z "$$qemu" ]; then \
	      echo "QEMU is not installed here (apt install qemu-system-x86); other VDE clients can plug in all the same."; \
	  else \
	      has=$$("$$qemu" -netdev help 2>&1 | sed -n 's/^stream$$/-netdev stream/p;s/^vde$$/-nic vde/p' | paste -sd, | sed 's/,/ and /'); \
	      version=$$("$$qemu" --version | sed -n '1s/ *(.*//p'); \
	      if [ -n "$$has" ]; then echo "$$version can plug in by $$has, as shown below."; \
	      else echo "$$version has neither stream nor VDE: use Debian's qemu-system-x86, or a TAP (ARGS='-t tap0')"; fi; \
	  fi
	@exec $(OUT)/vswitchd $(ARGS)

demo: deps-guest
	@$(MAKE) --no-print-directory -s all
	@$(PYTHON) tests/e2e/demo.py $(OUT)/vswitchd

# ---- tests ----------------------------------------------------------------------------------------------------------

# What the suites need built, under the sanitizers.
FUZZ_OUT  := $(BUILD)/fuzz
FUZZERS   := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))

check: deps-check
	@$(PYTHON) tests/run.py build unit cost fuzz e2e

check-full: deps-check
	@$(PYTHON) tests/run.py --full build unit cost fuzz e2e

check-unit: deps-check
	@$(PYTHON) tests/run.py unit

check-e2e: deps-check
	@$(PYTHON) tests/run.py e2e

fuzz: deps-check
	@$(PYTHON) tests/run.py --full fuzz

bench: deps
	$(call need,$(BENCH_PACKAGES),to compare with)
	@$(MAKE) --no-print-directory -s all
	@$(PYTHON) tests/bench/bench.py $(ARGS)

.PHONY: deps-guest deps-check unit-tests thread-tests fuzzers core-cost

# The runner calls these: MODE=asan for the unit tests, MODE=tsan for those with threads, clang for the fuzzers.
unit-tests: $(UNITS:%=$(OUT)/unit/%)
thread-tests: $(OUT)/unit/test_threads

$(UNITS:%=$(OUT)/unit/%): $(OUT)/unit/%: $(OUT)/obj/tests/unit/%.o $(UNIT_COMMON:%.c=$(OUT)/obj/%.o) $(OBJECTS)
	@mkdir -p $(@D)
	$(call say,TEST,$@) $(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS) -lcmocka -pthread

# What a frame costs in the core is counted in what users get.
core-cost: $(OUT)/core_cost

$(OUT)/core_cost: $(OUT)/obj/tests/bench/core_cost.o $(OBJECTS)
	$(call say,LINK,$@) $(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

fuzzers: $(FUZZERS:%=$(FUZZ_OUT)/%)

FUZZ_CC = clang -std=gnu17 -D_GNU_SOURCE -Iswitch $(WARNINGS) -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined

$(FUZZERS:%=$(FUZZ_OUT)/%): $(FUZZ_OUT)/%: tests/fuzz/%.c $(SOURCES:%.c=$(FUZZ_OUT)/obj/%.o) $(HEADERS)
	$(call say,FUZZ,$@) $(FUZZ_CC) -fsanitize=fuzzer -o $@ $(filter-out %.h,$^) $(LIBS)

$(FUZZ_OUT)/obj/%.o: %.c $(HEADERS)
	@mkdir -p $(@D)
	$(call say,CC,$<) $(FUZZ_CC) -fsanitize=fuzzer-no-link -c -o $@ $<

lint:
	$(call need,$(LINT_PACKAGES),to check the sources)
	@$(PYTHON) tests/lint.py

format:
	clang-format -i $$(git ls-files '*.c' '*.h')

# ---- installation ---------------------------------------------------------------------------------------------------

# vde_switch, for programs that start one by that name, stays out of bin/, where Debian's own may be.
install: all
	install -d $(DESTDIR)$(bindir) $(DESTDIR)$(sbindir) $(DESTDIR)$(libexecdir)/vswitchd \
	    $(DESTDIR)$(mandir)/man1 $(DESTDIR)$(mandir)/man7 $(DESTDIR)$(mandir)/man8 \
	    $(DESTDIR)$(docdir) $(DESTDIR)$(datarootdir)/bash-completion/completions
	install -m 755 $(OUT)/vswitchd $(DESTDIR)$(sbindir)/vswitchd
	install -m 755 $(OUT)/vswctl $(DESTDIR)$(bindir)/vswctl
	install -m 755 $(OUT)/vswplug $(DESTDIR)$(libexecdir)/vswitchd/vswplug
	ln -sf $(sbindir)/vswitchd $(DESTDIR)$(libexecdir)/vswitchd/vde_switch
	install -m 755 qemu-ifup $(DESTDIR)$(libexecdir)/vswitchd/qemu-ifup
	ln -sf qemu-ifup $(DESTDIR)$(libexecdir)/vswitchd/qemu-ifdown
	install -m 644 docs/vswctl.1 $(DESTDIR)$(mandir)/man1/vswctl.1
	install -m 644 docs/vswitchd-console.7 $(DESTDIR)$(mandir)/man7/vswitchd-console.7
	install -m 644 docs/vswitchd.8 docs/qemu-ifup.8 $(DESTDIR)$(mandir)/man8
	ln -sf qemu-ifup.8 $(DESTDIR)$(mandir)/man8/qemu-ifdown.8
	install -m 644 README.md CHANGELOG.md LICENSE docs/lan.md docs/guests.md docs/coming-from.md docs/architecture.md docs/add-a-port-type.md \
	    docs/qemu-ifup.conf \
	    $(DESTDIR)$(docdir)
	install -m 644 docs/vswitchd.bash $(DESTDIR)$(datarootdir)/bash-completion/completions/vswitchd
	ln -sf vswitchd $(DESTDIR)$(datarootdir)/bash-completion/completions/vswctl

uninstall:
	rm -f $(DESTDIR)$(sbindir)/vswitchd $(DESTDIR)$(bindir)/vswctl $(DESTDIR)$(mandir)/man1/vswctl.1 \
	    $(DESTDIR)$(mandir)/man7/vswitchd-console.7 $(DESTDIR)$(mandir)/man8/vswitchd.8 \
	    $(DESTDIR)$(mandir)/man8/qemu-ifup.8 $(DESTDIR)$(mandir)/man8/qemu-ifdown.8
	rm -f $(DESTDIR)$(datarootdir)/bash-completion/completions/vswitchd \
	    $(DESTDIR)$(datarootdir)/bash-completion/completions/vswctl
	rm -rf $(DESTDIR)$(libexecdir)/vswitchd $(DESTDIR)$(docdir)

clean:
	rm -rf $(BUILD)

help:
	@sed -n '3,8s/^# \{0,1\}//p' Makefile
	@echo "  deps check-unit check-e2e check-full fuzz lint format install uninstall clean"
	@echo "Variables: CC CFLAGS WERROR= V=1 MODE=asan BUILD=DIR ARGS='options for run' DESTDIR prefix"
