# sources of agent/, see the Makefile; the key rooms' are in agent/jobs/build.mk

ARCHIVES += http
http_SRCS := agent/http/server.c agent/http/dispatch.c agent/http/request.c agent/http/response.c \
             agent/http/problem.c agent/http/route.c agent/http/json.c agent/http/websocket.c
http_DEPS := civetweb
http_PKGS := jansson libssl libcrypto
http_CPPFLAGS := -isystem $(CIVETWEB)/include
http_LDLIBS := -lpthread
# civetweb's header is fetched before these are compiled
$(http_SRCS:%.c=$(B)/obj/%.o): | $(CIVETWEB)/include/civetweb.h
