# Installing, and the manual's list of commands. PREFIX, SYSCONFDIR and DESTDIR as everywhere.
INSTALL ?= install
BINDIR ?= $(PREFIX)/bin
SBINDIR ?= $(PREFIX)/sbin
MANDIR ?= $(PREFIX)/share/man
UNITDIR ?= $(PREFIX)/lib/systemd/system
EXAMPLEDIR ?= $(PREFIX)/share/doc/sluice/examples
BASH_COMPLETION_DIR ?= $(PREFIX)/share/bash-completion/completions
ZSH_COMPLETION_DIR ?= $(PREFIX)/share/zsh/site-functions
FISH_COMPLETION_DIR ?= $(PREFIX)/share/fish/vendor_completions.d

MAN1 := deploy/man/cpctl.1
MAN5 := deploy/man/sluice-spec.5
MAN8 := deploy/man/sluice-controlplane.8 deploy/man/sluice-dataplane.8
UNITS := deploy/systemd/sluice-controlplane.service deploy/systemd/sluice-dataplane.service
COMPLETIONS := $(OUT)/completion/bash $(OUT)/completion/zsh $(OUT)/completion/fish

$(OUT)/completion/%: $(BIN)/cpctl
	@mkdir -p $(@D)
	$(Q)$(BIN)/cpctl completion $* > $@

.PHONY: install
install: $(PROGRAMS) $(COMPLETIONS)
	$(INSTALL) -d $(addprefix $(DESTDIR),$(BINDIR) $(SBINDIR) $(MANDIR)/man1 $(MANDIR)/man5 $(MANDIR)/man8 $(UNITDIR) \
		$(EXAMPLEDIR) $(BASH_COMPLETION_DIR) $(ZSH_COMPLETION_DIR) $(FISH_COMPLETION_DIR) $(SYSCONFDIR)/sluice)
	$(INSTALL) -m 755 $(BIN)/cpctl $(DESTDIR)$(BINDIR)/
	$(INSTALL) -m 755 $(BIN)/sluice-controlplane $(BIN)/sluice-dataplane $(DESTDIR)$(SBINDIR)/
	$(INSTALL) -m 644 $(MAN1) $(DESTDIR)$(MANDIR)/man1/
	$(INSTALL) -m 644 $(MAN5) $(DESTDIR)$(MANDIR)/man5/
	$(INSTALL) -m 644 $(MAN8) $(DESTDIR)$(MANDIR)/man8/
	$(INSTALL) -m 644 $(wildcard deploy/examples/*.yaml) $(DESTDIR)$(EXAMPLEDIR)/
	$(INSTALL) -m 644 $(OUT)/completion/bash $(DESTDIR)$(BASH_COMPLETION_DIR)/cpctl
	$(INSTALL) -m 644 $(OUT)/completion/zsh $(DESTDIR)$(ZSH_COMPLETION_DIR)/_cpctl
	$(INSTALL) -m 644 $(OUT)/completion/fish $(DESTDIR)$(FISH_COMPLETION_DIR)/cpctl.fish
	$(foreach u,$(UNITS),sed -e 's|@SBINDIR@|$(SBINDIR)|g' -e 's|@SYSCONFDIR@|$(SYSCONFDIR)|g' $(u) > $(OUT)/$(notdir $(u)) && \
		$(INSTALL) -m 644 $(OUT)/$(notdir $(u)) $(DESTDIR)$(UNITDIR)/ &&) true

# Puts the table of commands into the manual; a test fails where the two differ.
.PHONY: man-commands
man-commands: $(BIN)/cpctl
	$(Q)$(PYTHON) deploy/man/commands.py $(BIN)/cpctl deploy/man/cpctl.1
