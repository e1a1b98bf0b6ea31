# make install, make uninstall: programs, the PKCS#11 module, manual pages, p11-kit's module file, udev rules, the agent's user service and
# autostart entry. DESTDIR is put before every
# path, PREFIX is what stays in the files. Programs that were not built (ukey-sim-usb without umockdev) are left out.

PREFIX ?= /usr/local
DESTDIR ?=
# where p11-kit, desktops and udev look, whatever the prefix
AUTOSTART ?= /etc/xdg/autostart
P11_KIT_MODULES ?= /usr/share/p11-kit/modules
UDEV_RULES ?= $(if $(filter /usr,$(PREFIX)),/usr/lib/udev/rules.d,/etc/udev/rules.d)

INSTALLED_PROGRAMS := $(filter ukey ukey-agent ukey-consent ukey-consent-tty ukey-module-host ukey-inspect ukey-orderd ukey-sim ukey-sim-usb,$(PROGRAMS))
INSTALLED_MANUALS := $(wildcard docs/man/*.1 docs/man/*.5)

.PHONY: install uninstall
install: all ## install into PREFIX (/usr/local), below DESTDIR
	$(Q)install -d $(addprefix $(DESTDIR),$(PREFIX)/bin $(PREFIX)/lib $(PREFIX)/share/man/man1 $(PREFIX)/share/man/man5 $(PREFIX)/lib/systemd/user $(AUTOSTART) $(P11_KIT_MODULES) $(UDEV_RULES))
	$(Q)install -m 755 $(addprefix $(B)/bin/,$(INSTALLED_PROGRAMS)) $(DESTDIR)$(PREFIX)/bin
	$(Q)install -m 644 $(B)/lib/openukey-pkcs11.so $(DESTDIR)$(PREFIX)/lib
	$(Q)for page in $(INSTALLED_MANUALS); do install -m 644 $$page $(DESTDIR)$(PREFIX)/share/man/man$${page##*.}; done
	$(Q)sed 's|@PREFIX@|$(PREFIX)|' tools/install/openukey.module.in >$(DESTDIR)$(P11_KIT_MODULES)/openukey.module
	$(Q)sed 's|@PREFIX@|$(PREFIX)|' agent/autostart/ukey-agent.service.in >$(DESTDIR)$(PREFIX)/lib/systemd/user/ukey-agent.service
	$(Q)sed 's|@PREFIX@|$(PREFIX)|' agent/autostart/ukey-agent.desktop.in >$(DESTDIR)$(AUTOSTART)/ukey-agent.desktop
	$(Q)install -m 644 tools/install/70-openukey.rules $(DESTDIR)$(UDEV_RULES)
	@echo "installed in $(DESTDIR)$(PREFIX); new USB permissions hold after: udevadm control --reload && udevadm trigger"

uninstall: ## remove what make install put there (same PREFIX and DESTDIR)
	$(Q)rm -f $(addprefix $(DESTDIR)$(PREFIX)/bin/,$(INSTALLED_PROGRAMS)) $(DESTDIR)$(PREFIX)/lib/openukey-pkcs11.so \
	  $(foreach page,$(INSTALLED_MANUALS),$(DESTDIR)$(PREFIX)/share/man/man$(subst .,,$(suffix $(page)))/$(notdir $(page))) \
	  $(DESTDIR)$(PREFIX)/lib/systemd/user/ukey-agent.service $(DESTDIR)$(AUTOSTART)/ukey-agent.desktop \
	  $(DESTDIR)$(P11_KIT_MODULES)/openukey.module $(DESTDIR)$(UDEV_RULES)/70-openukey.rules
