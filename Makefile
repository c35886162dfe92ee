# SPDX-License-Identifier: GPL-2.0-or-later
#
# vswitchd: a user-space Ethernet switch for virtual machines
#
#   make run      install what is missing, build, start a switch      make demo   two guests talk through one
#   make check    all tests, from a bare Debian machine               make bench  compare with vde_switch
#   make help     the rest
#
# Every object goes below build/; V=1 shows the commands.

CC       ?= gcc
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
            -Wvla -Wundef $(WERROR)
HARDEN   := -fstack-protector-strong -fPIE -D_FORTIFY_SOURCE=2
ALL_CFLAGS  = -std=gnu17 -D_GNU_SOURCE -Iswitch $(WARNINGS) $(MODE_CFLAGS) $(CFLAGS) $(CPPFLAGS)
ALL_LDFLAGS = $(MODE_LDFLAGS) $(LDFLAGS)
LIBS     := -lev

# MODE=plain is what users get, MODE=asan what the tests run.
MODE ?= plain
ifeq ($(MODE),asan)
OUT          := $(BUILD)/asan
SANITIZE     := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
MODE_CFLAGS  := -O1 -g $(SANITIZE)
MODE_LDFLAGS := $(SANITIZE)
CFLAGS       := $(filter-out -O%,$(CFLAGS))
else
OUT          := $(BUILD)
MODE_CFLAGS  := $(HARDEN)
MODE_LDFLAGS := -pie -Wl,-z,relro,-z,now
endif

SOURCES  := $(wildcard switch/*/*.c)
OBJECTS  := $(SOURCES:%.c=$(OUT)/obj/%.o)
UNITS    := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/test_*.c))
UNIT_COMMON := $(filter-out tests/unit/test_%,$(wildcard tests/unit/*.c))

ifneq ($(V),1)
say = @printf '%-6s %s\n' $(1) $(2);
else
say =
endif

.PHONY: all deps run demo check check-unit check-e2e check-full fuzz bench lint format install uninstall clean help
.DELETE_ON_ERROR:

all: $(OUT)/vswitchd

$(OUT)/vswitchd: $(OUT)/obj/switch/main.o $(OBJECTS)
	$(call say,LINK,$@) $(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$(OUT)/obj/%.o: %.c $(OUT)/flags
	@mkdir -p $(@D)
	$(call say,CC,$<) $(CC) $(ALL_CFLAGS) $(EXTRA_CFLAGS) -MMD -MP -c -o $@ $<

# Objects are made anew when the compiler or its flags change.
$(OUT)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS)' | cmp -s - $@ || echo '$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS)' > $@
FORCE:

-include $(wildcard $(OUT)/obj/switch/*.d $(OUT)/obj/*/*/*.d)
