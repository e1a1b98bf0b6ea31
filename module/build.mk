# The PKCS#11 module: archive p11core (all rooms) and openukey-pkcs11.so, which exports C_* only.
ARCHIVES += pinentry p11core
pinentry_SRCS := $(addprefix module/pinentry/,assuan.c child.c pinentry.c secret.c visible.c)
pinentry_PKGS := libcrypto

p11core_SRCS := module/log.c \
    $(addprefix module/transport/,transport.c sim_link.c sim_transport.c sim_watch.c pcsc_library.c pcsc_caller.c pcsc_transport.c pcsc_watch.c \
      ccid.c t1.c short_apdu.c usb_library.c usb_find.c usb_reader.c usb_transport.c) \
    $(addprefix module/token/,wire.c tlv.c card.c driver.c token.c token_objects.c object_memory.c key_use.c attribute_records.c gm_driver.c gm_pin.c gm_unlock.c gm_keys.c \
      gm_private.c gm_agreement.c gm_files.c piv_driver.c piv_parse.c piv_pin.c piv_keys.c piv_files.c) \
    $(addprefix module/cryptoki/,config.c module.c slots.c slot_events.c sessions.c token_info.c errors.c \
      mechanisms.c mechanism_parameters.c host.c host_keys.c host_secret.c rsa_padding.c keys.c private_use.c operation_rules.c \
      digest.c signatures.c encryption.c dual.c messages.c operation_state.c \
      attributes.c objects.c object_search.c object_copy.c attribute_rules.c \
      session_objects.c session_object_making.c session_object_keys.c object_changes.c key_import.c \
      key_generation.c key_on_card.c key_wrapping.c key_derivation.c sm2_agreement.c \
      templates.c pins.c pin_dialog.c remote_unlock.c interfaces.c spy.c)
p11core_DEPS := formats pinentry
p11core_PKGS := libcrypto libpcsclite zlib
p11core_LDLIBS := -ldl

MODULES += openukey-pkcs11
openukey-pkcs11_SRCS := module/cryptoki/entry.c module/cryptoki/spy_calls.c
openukey-pkcs11_DEPS := p11core
openukey-pkcs11_SCRIPT := module/cryptoki/exports.map
# our own C_* for our function lists, whatever other module the host has loaded before
# a program that unloads us may have a thread inside: the code stays
openukey-pkcs11_LDLIBS := -Wl,-Bsymbolic -Wl,-z,nodelete

# what fault tests ask whether a key still works
PROGRAMS += keycheck
keycheck_SRCS := tests/support/keycheck.c
keycheck_DEPS := formats
keycheck_PKGS := libcrypto jansson
keycheck_LDLIBS := -ldl -lpthread

# programs that break modules
PROGRAMS += strange-host
strange-host_SRCS := tests/support/strange_host.c
strange-host_PKGS := libcrypto
strange-host_LDLIBS := -ldl -lpthread

# what conformance tests ask of the vendor interface
PROGRAMS += vendor-calls
vendor-calls_SRCS := tests/conformance/vendor_calls.c
vendor-calls_DEPS := formats
vendor-calls_PKGS := libcrypto
vendor-calls_LDLIBS := -ldl

# agrees on keys with a card, and checks them in software
PROGRAMS += agreementcheck
agreementcheck_SRCS := tests/support/agreement_check.c tests/unit/module/sm2_exchange.c
agreementcheck_DEPS := formats
agreementcheck_PKGS := libcrypto
agreementcheck_LDLIBS := -ldl

# unit tests: the whole module over a fake card, which takes the place of the simulator transport at link time
module_fake_card := $(addprefix tests/unit/module/,fake_card.c fake_agreement.c sm2_exchange.c session_fixture.c) module/cryptoki/entry.c module/cryptoki/spy_calls.c
define module_test
TESTS += test_module_$(1)
test_module_$(1)_SRCS := tests/unit/module/test_$(1).c $(2)
test_module_$(1)_DEPS := p11core
test_module_$(1)_PKGS := cmocka libcrypto
test_module_$(1)_LDLIBS := -lpthread
endef
$(eval $(call module_test,operations,$(module_fake_card)))
$(eval $(call module_test,secret_keys,$(module_fake_card)))
$(eval $(call module_test,key_making,$(module_fake_card)))
$(eval $(call module_test,operation_rules,$(module_fake_card)))
$(eval $(call module_test,agreement,$(module_fake_card)))
$(eval $(call module_test,life,$(module_fake_card)))
$(eval $(call module_test,objects,$(module_fake_card)))
$(eval $(call module_test,session_objects,$(module_fake_card)))
$(eval $(call module_test,pins,$(module_fake_card)))
$(eval $(call module_test,pin_dialog,$(module_fake_card)))
$(eval $(call module_test,broken_card,$(module_fake_card)))
$(eval $(call module_test,doubt,$(module_fake_card)))
$(eval $(call module_test,piv_objects,$(addprefix tests/unit/module/,fake_piv.c session_fixture.c) module/cryptoki/entry.c module/cryptoki/spy_calls.c))
$(eval $(call module_test,parts,))
$(eval $(call module_test,foreign_engine,))
$(eval $(call module_test,object_memory,$(module_fake_card)))
$(eval $(call module_test,example_card,tests/unit/module/example_driver.c))
$(eval $(call module_test,usb_reader,tests/unit/module/fake_usb.c))
$(eval $(call module_test,pcsc,))
test_module_pcsc_PKGS += libpcsclite
