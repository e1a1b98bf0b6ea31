# sources of the agent's key rooms: agent/consent, agent/token, agent/jobs and their files of agent/api; see the Makefile

ARCHIVES += agent_consent
agent_consent_SRCS := agent/consent/dialog.c
agent_consent_DEPS := http pinentry
agent_consent_PKGS := jansson libcrypto

# modules of other makers: wire.c is in both ends
ARCHIVES += agent_foreign
agent_foreign_SRCS := $(addprefix agent/foreign/,wire.c process.c remote.c registry.c)
agent_foreign_PKGS := libcrypto
agent_foreign_LDLIBS := -lpthread

PROGRAMS += ukey-module-host
ukey-module-host_SRCS := agent/foreign/host.c agent/foreign/wire.c
ukey-module-host_PKGS := libcrypto
ukey-module-host_LDLIBS := -ldl

ARCHIVES += agent_token
agent_token_SRCS := $(addprefix agent/token/,cryptoki.c facts.c login.c public_key.c read.c use.c watch.c write.c)
agent_token_DEPS := formats agent_foreign
agent_token_PKGS := libcrypto
agent_token_LDLIBS := -ldl -lpthread

ARCHIVES += agent_key
agent_key_SRCS := $(addprefix agent/api/,anchors.c certificates.c decrypt.c documents.c jobs.c key.c login.c pin.c pin_change.c pin_dialog.c \
                  raw_sign.c seals.c services.c sign.c \
                  signature.c stamp.c statement.c tokens.c trust.c verify.c words.c) \
                  $(addprefix agent/jobs/,ask.c certify.c claim.c enrol.c install.c issued.c job.c jobs.c journal.c put.c \
                  recover.c renew.c service.c task.c unlock.c work.c)
agent_key_DEPS := agent_core agent_consent agent_token identity formats
agent_key_PKGS := jansson libcrypto
agent_key_LDLIBS := -lpthread

PROGRAMS += ukey-consent
ukey-consent_SRCS := $(addprefix agent/consent/dialog/,main.c window.c)
ukey-consent_DEPS := dialog
ukey-consent_PKGS := gtk+-3.0 jansson

PROGRAMS += ukey-consent-tty
ukey-consent-tty_SRCS := agent/consent/terminal/main.c
ukey-consent-tty_DEPS := dialog_terminal

# what both of them show, and the terminal's own part
ARCHIVES += dialog dialog_terminal
dialog_SRCS := $(addprefix agent/consent/dialog/,content.c program.c request.c texts.c) module/pinentry/visible.c agent/http/json.c
dialog_PKGS := jansson
dialog_terminal_SRCS := $(addprefix agent/consent/terminal/,device.c flow.c pages.c)
dialog_terminal_DEPS := dialog
dialog_terminal_PKGS := jansson

TESTS += test_pages
test_pages_SRCS := tests/unit/agent-key/test_pages.c
test_pages_DEPS := dialog_terminal
test_pages_PKGS := cmocka

TESTS += test_consent
test_consent_SRCS := tests/unit/agent-key/test_consent.c
test_consent_DEPS := agent_consent
test_consent_PKGS := cmocka jansson

TESTS += test_statement test_task
test_statement_SRCS := tests/unit/agent-key/test_statement.c
test_statement_DEPS := agent_key
test_statement_PKGS := cmocka jansson
test_task_SRCS := tests/unit/agent-key/test_task.c
test_task_DEPS := agent_key
test_task_PKGS := cmocka jansson libcrypto

# a PKCS#11 module inside the test program: dlopen(NULL) finds what -rdynamic exports
ARCHIVES += mock_module
mock_module_SRCS := tests/unit/agent-key/mock_module.c
mock_module_DEPS := formats
mock_module_PKGS := libcrypto
mock_module_LDLIBS := -rdynamic -lpthread

TESTS += test_token
test_token_SRCS := tests/unit/agent-key/test_token.c
test_token_DEPS := agent_token agent_core mock_module
test_token_PKGS := cmocka libcrypto
test_token_LDLIBS := -Wl,-u,C_GetFunctionList

TESTS += test_renew
test_renew_SRCS := tests/unit/agent-key/test_renew.c tests/unit/agent-key/fake_service.c tools/orderd/engine/jws.c
test_renew_DEPS := agent_key mock_module ca
test_renew_PKGS := cmocka jansson libcrypto
test_renew_LDLIBS := -Wl,-u,C_GetFunctionList

# a module of another maker, for tests: it breaks where it is told to
MODULES += broken-pkcs11
broken-pkcs11_SRCS := tests/unit/agent-foreign/broken_module.c
broken-pkcs11_LDLIBS := -ldl

TESTS += test_foreign
test_foreign_SRCS := tests/unit/agent-foreign/test_foreign.c
test_foreign_DEPS := agent_foreign agent_core
test_foreign_PKGS := cmocka libcrypto
