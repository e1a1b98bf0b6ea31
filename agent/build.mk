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
identity_SRCS := agent/identity/identity.c agent/identity/trust.c agent/identity/atomic_file.c
identity_PKGS := libcrypto

agent_core_tests := route json identity
TESTS += $(agent_core_tests:%=test_%)
$(foreach t,$(agent_core_tests),$(eval test_$(t)_SRCS := tests/unit/agent-core/test_$(t).c))
$(foreach t,$(agent_core_tests),$(eval test_$(t)_PKGS := cmocka libcrypto))
test_route_DEPS := http
test_json_DEPS := http
test_identity_DEPS := identity
