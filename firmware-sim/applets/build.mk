# tests of firmware-sim/applets/piv, see the Makefile
ARCHIVES += piv_testing
piv_testing_SRCS := $(addprefix tests/unit/firmware-sim/,piv_bench.c piv_host.c)
piv_testing_DEPS := sim_testing
piv_testing_PKGS := libcrypto cmocka

TESTS += test_sim_piv_commands
test_sim_piv_commands_SRCS := tests/unit/firmware-sim/test_piv_commands.c
test_sim_piv_commands_DEPS := piv_testing firmware
test_sim_piv_commands_PKGS := cmocka libcrypto

TESTS += test_sim_piv_keys
test_sim_piv_keys_SRCS := tests/unit/firmware-sim/test_piv_keys.c
test_sim_piv_keys_DEPS := piv_testing firmware
test_sim_piv_keys_PKGS := cmocka libcrypto

TESTS += test_sim_piv_power_cut
test_sim_piv_power_cut_SRCS := $(addprefix tests/unit/firmware-sim/,test_piv_power_cut.c given_rsa.c)
test_sim_piv_power_cut_DEPS := piv_testing firmware
test_sim_piv_power_cut_PKGS := cmocka libcrypto
test_sim_piv_power_cut_LDLIBS := -Wl,--wrap=mbedtls_rsa_gen_key

TESTS += test_sim_nist
test_sim_nist_SRCS := tests/unit/firmware-sim/test_nist.c
test_sim_nist_DEPS := piv_testing firmware
test_sim_nist_PKGS := cmocka libcrypto

# random cases, a program for what takes its time with LONG=1
TESTS += test_sim_piv_random
test_sim_piv_random_SRCS := tests/unit/firmware-sim/test_piv_random.c
test_sim_piv_random_DEPS := piv_testing firmware
test_sim_piv_random_PKGS := cmocka libcrypto

TESTS += test_sim_piv_random_rsa
test_sim_piv_random_rsa_SRCS := tests/unit/firmware-sim/test_piv_random_rsa.c
test_sim_piv_random_rsa_DEPS := piv_testing firmware
test_sim_piv_random_rsa_PKGS := cmocka libcrypto
