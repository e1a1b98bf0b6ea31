# sources of the agent's key rooms: agent/consent, agent/token, agent/jobs and their files of agent/api; see the Makefile

ARCHIVES += agent_consent
agent_consent_SRCS := $(addprefix agent/consent/,assuan.c child.c dialog.c pinentry.c secret.c visible.c)
agent_consent_PKGS := jansson libcrypto

PROGRAMS += ukey-consent
ukey-consent_SRCS := $(addprefix agent/consent/dialog/,main.c request.c texts.c window.c) agent/consent/visible.c agent/http/json.c
ukey-consent_PKGS := gtk+-3.0 jansson
