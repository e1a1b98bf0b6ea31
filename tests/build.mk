# sources of tests/, see the Makefile

# the conformance suite: any PKCS#11 module against the standard's rules
PROGRAMS += p11-conformance
p11-conformance_SRCS := $(addprefix tests/conformance/suite/,main.c rule_run.c ways.c names.c general.c slots.c sessions.c login.c \
    templates.c attributes.c objects.c cases.c operations.c crypto.c judge.c messages.c keys.c removal.c token.c)
p11-conformance_PKGS := libcrypto
p11-conformance_LDLIBS := -ldl -lpthread

# threads that share tokens which come and go (tests/faults/sharing.test.mjs)
PROGRAMS += p11-stress
p11-stress_SRCS := $(addprefix tests/faults/sharing/,main.c tasks.c) tests/conformance/suite/judge.c
p11-stress_DEPS := formats
p11-stress_PKGS := libcrypto
p11-stress_LDLIBS := -ldl -lpthread

# the module while the card answers nonsense (tests/faults/nonsense.test.mjs)
PROGRAMS += p11-nonsense
p11-nonsense_SRCS := $(addprefix tests/faults/nonsense/,main.c mangle.c) tests/conformance/suite/judge.c $(openukey-pkcs11_SRCS)
p11-nonsense_DEPS := p11core
p11-nonsense_PKGS := libcrypto
p11-nonsense_LDLIBS := -lpthread -Wl,--wrap=sim_transport_open

# a key on a socket, for scripts that play the agent (tests/support/key_agent.mjs)
PROGRAMS += real-key
real-key_SRCS := tests/support/real_key.c tools/ukey/key.c tools/ukey/key_objects.c tools/ukey/text.c
real-key_DEPS := formats
real-key_PKGS := jansson libcrypto
real-key_LDLIBS := -ldl

# SM2 signatures by OpenSSL alone, many at once (tests/support/other_judge.mjs)
PROGRAMS += sm2-lines
sm2-lines_SRCS := tests/support/sm2_lines.c
sm2-lines_PKGS := libcrypto

# many TLS connections that ask an agent (tests/faults/endurance.test.mjs, tools/bench/agent.mjs)
PROGRAMS += agent-load
agent-load_SRCS := tests/support/agent_load.c
agent-load_PKGS := jansson libssl libcrypto
agent-load_LDLIBS := -lpthread
