# what measures PKCS#11 modules, ours and others'
PROGRAMS += p11-bench
p11-bench_SRCS := tools/bench/p11_bench.c tools/bench/p11_client.c tools/bench/raw_client.c
p11-bench_LDLIBS := -ldl -lpthread
