# sources of the agent's key rooms: agent/consent, agent/token, agent/jobs and their files of agent/api; see the Makefile

ARCHIVES += agent_consent
agent_consent_SRCS := $(addprefix agent/consent/,assuan.c child.c dialog.c pinentry.c secret.c visible.c)
agent_consent_DEPS := http
agent_consent_PKGS := jansson libcrypto

ARCHIVES += agent_token
agent_token_SRCS := $(addprefix agent/token/,cryptoki.c facts.c login.c read.c watch.c write.c)
agent_token_DEPS := formats
agent_token_PKGS := libcrypto
agent_token_LDLIBS := -ldl -lpthread

ARCHIVES += agent_key
agent_key_SRCS := $(addprefix agent/api/,anchors.c base64.c certificates.c jobs.c key.c login.c pin.c seals.c sign.c \
                  signature.c statement.c tokens.c words.c) \
                  $(addprefix agent/jobs/,issued.c job.c jobs.c journal.c renew.c service.c task.c)
agent_key_DEPS := agent_core agent_consent agent_token identity formats
agent_key_PKGS := jansson libcrypto
agent_key_LDLIBS := -lpthread

PROGRAMS += ukey-consent
ukey-consent_SRCS := $(addprefix agent/consent/dialog/,main.c request.c texts.c window.c) agent/consent/visible.c agent/http/json.c
ukey-consent_PKGS := gtk+-3.0 jansson

TESTS += test_consent
test_consent_SRCS := tests/unit/agent-key/test_consent.c
test_consent_DEPS := agent_consent
test_consent_PKGS := cmocka jansson
