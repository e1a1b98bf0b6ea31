# sources of agent/, see the Makefile; the key rooms' are in agent/jobs/build.mk

# the web plumbing: for the agent and for tools/orderd
ARCHIVES += http
http_SRCS := agent/http/server.c agent/http/dispatch.c agent/http/request.c agent/http/response.c \
             agent/http/problem.c agent/http/route.c agent/http/json.c agent/http/websocket.c
http_DEPS := civetweb
http_PKGS := jansson libssl libcrypto
http_CPPFLAGS := -isystem $(CIVETWEB)/include
http_LDLIBS := -lpthread
# civetweb's header is fetched before these are compiled
$(http_SRCS:%.c=$(B)/obj/%.o): | $(CIVETWEB)/include/civetweb.h

# a program's TLS identity on this machine: for the agent and for tools/orderd
ARCHIVES += identity
identity_SRCS := agent/identity/identity.c agent/identity/trust.c agent/identity/atomic_file.c \
                 agent/identity/places.c
identity_PKGS := libcrypto

# the SDK as pages get it
SDK_FILES := $(addprefix $(B)/gen/sdk/,openukey.js openukey.mjs sof.js)
$(SDK_FILES) &: agent/web/sdk/build.mjs $(shell find agent/web/sdk/src -name '*.mjs')
	$(Q)node $< $(@D)

# the agent without its key rooms
ARCHIVES += agent_core
agent_core_SRCS := agent/clock.c agent/config.c agent/log.c agent/port.c agent/state_folder.c agent/trust_command.c agent/identity/machine.c \
                   $(addprefix agent/access/,gate.c host.c limits.c origin.c pairing_store.c peer.c policy.c session.c) \
                   $(addprefix agent/audit/,files.c journal.c read.c) \
                   $(addprefix agent/api/,ask.c events.c messages.c pairing.c service.c wellknown.c) \
                   $(addprefix agent/proxy/,path.c proxy.c)
agent_core_DEPS := http identity agent_consent agent_foreign formats
agent_core_PKGS := jansson libcurl libcrypto
agent_core_LDLIBS := -lpthread

PROGRAMS += ukey-agent
ukey-agent_SRCS := agent/main.c agent/audit_command.c agent/origins_command.c agent/reload.c agent/rollover.c
ukey-agent_DEPS := agent_core agent_key

TESTS += test_route test_json test_http_server test_identity test_origin test_peer test_access test_proxy_path \
         test_agent_config test_policy test_audit
test_route_SRCS := tests/unit/agent-core/test_route.c
test_route_DEPS := http
test_route_PKGS := cmocka libcrypto
test_json_SRCS := tests/unit/agent-core/test_json.c
test_json_DEPS := http
test_json_PKGS := cmocka libcrypto
test_http_server_SRCS := tests/unit/agent-core/test_http_server.c
test_http_server_DEPS := http identity
test_http_server_PKGS := cmocka libcrypto libssl
test_identity_SRCS := tests/unit/agent-core/test_identity.c
test_identity_DEPS := identity
test_identity_PKGS := cmocka libcrypto
test_origin_SRCS := tests/unit/agent-core/test_origin.c
test_origin_DEPS := agent_core
test_origin_PKGS := cmocka libcrypto
test_peer_SRCS := tests/unit/agent-core/test_peer.c
test_peer_DEPS := agent_core
test_peer_PKGS := cmocka libcrypto
test_access_SRCS := tests/unit/agent-core/test_access.c
test_access_DEPS := agent_core
test_access_PKGS := cmocka libcrypto
test_proxy_path_SRCS := tests/unit/agent-core/test_proxy_path.c
test_proxy_path_DEPS := agent_core
test_proxy_path_PKGS := cmocka libcrypto
test_agent_config_SRCS := tests/unit/agent-core/test_agent_config.c
test_agent_config_DEPS := agent_core
test_agent_config_PKGS := cmocka libcrypto
test_policy_SRCS := tests/unit/agent-core/test_policy.c
test_policy_DEPS := agent_core
test_policy_PKGS := cmocka
test_audit_SRCS := tests/unit/agent-core/test_audit.c
test_audit_DEPS := agent_core
test_audit_PKGS := cmocka jansson
test_audit_LDLIBS := -lpthread
