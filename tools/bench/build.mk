# what measures PKCS#11 modules, ours and others'
PROGRAMS += p11-bench
p11-bench_SRCS := tools/bench/p11_bench.c tools/bench/p11_client.c tools/bench/raw_client.c
p11-bench_LDLIBS := -ldl -lpthread

# a way to a key behind pcscd, for tools/bench/sim.mjs
PROGRAMS += ukey-pcsc-wire
ukey-pcsc-wire_SRCS := tools/bench/pcsc_wire.c
ukey-pcsc-wire_PKGS := libpcsclite

# the least that a web answer of the agent can cost, for tools/bench/agent.mjs
PROGRAMS += plain-web
plain-web_SRCS := tools/bench/plain_web.c
plain-web_DEPS := civetweb
plain-web_PKGS := libssl libcrypto
plain-web_CPPFLAGS := -isystem $(CIVETWEB)/include
plain-web_LDLIBS := -lpthread
$(B)/obj/tools/bench/plain_web.o: | $(CIVETWEB)/include/civetweb.h
