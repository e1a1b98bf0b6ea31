# sources of firmware-sim/, see the Makefile

# the card: what a firmware would be made of
ARCHIVES += firmware
firmware_SRCS := $(wildcard firmware-sim/core/*.c) $(wildcard firmware-sim/crypto/*.c) $(wildcard firmware-sim/applets/*/*.c)
firmware_LDLIBS := -lmbedcrypto

# the simulator: the card behind its ports
PROGRAMS += ukey-sim
ukey-sim_SRCS := $(wildcard firmware-sim/ports/*.c)
ukey-sim_DEPS := firmware

# its tests: the host's side is OpenSSL's
ARCHIVES += sim_testing
sim_testing_SRCS := $(addprefix tests/unit/firmware-sim/,campaign.c card_bench.c flash_ram.c openssl_rsa.c openssl_sm.c power_cuts.c)
sim_testing_PKGS := libcrypto cmocka

TESTS += test_sim_sm
test_sim_sm_SRCS := tests/unit/firmware-sim/test_sm.c
test_sim_sm_DEPS := sim_testing firmware
test_sim_sm_PKGS := cmocka libcrypto

TESTS += test_sim_sm_random
test_sim_sm_random_SRCS := tests/unit/firmware-sim/test_sm_random.c
test_sim_sm_random_DEPS := sim_testing firmware
test_sim_sm_random_PKGS := cmocka libcrypto

TESTS += test_sim_rsa_random
test_sim_rsa_random_SRCS := tests/unit/firmware-sim/test_rsa_random.c
test_sim_rsa_random_DEPS := sim_testing firmware
test_sim_rsa_random_PKGS := cmocka libcrypto

TESTS += test_sim_gm_rows
test_sim_gm_rows_SRCS := $(addprefix tests/unit/firmware-sim/,test_gm_rows.c gm_commands.c gm_commands_crypto.c gm_world.c)
test_sim_gm_rows_DEPS := sim_testing firmware
test_sim_gm_rows_PKGS := cmocka libcrypto

TESTS += test_sim_gm_rules
test_sim_gm_rules_SRCS := $(addprefix tests/unit/firmware-sim/,test_gm_rules.c gm_world.c)
test_sim_gm_rules_DEPS := sim_testing firmware
test_sim_gm_rules_PKGS := cmocka libcrypto

TESTS += test_sim_store
test_sim_store_SRCS := tests/unit/firmware-sim/test_store.c
test_sim_store_DEPS := sim_testing firmware
test_sim_store_PKGS := cmocka

# the power cut campaigns, a program a card layout: with LONG=1 they take their time
gm_power_cuts := $(addprefix tests/unit/firmware-sim/,gm_power_cuts.c gm_world.c given_rsa.c)
TESTS += test_sim_power_cut
test_sim_power_cut_SRCS := tests/unit/firmware-sim/test_power_cut.c $(gm_power_cuts)
test_sim_power_cut_DEPS := sim_testing firmware
test_sim_power_cut_PKGS := cmocka libcrypto
test_sim_power_cut_LDLIBS := -Wl,--wrap=mbedtls_rsa_gen_key

TESTS += test_sim_power_cut_b
test_sim_power_cut_b_SRCS := tests/unit/firmware-sim/test_power_cut_b.c $(gm_power_cuts)
test_sim_power_cut_b_DEPS := sim_testing firmware
test_sim_power_cut_b_PKGS := cmocka libcrypto
test_sim_power_cut_b_LDLIBS := -Wl,--wrap=mbedtls_rsa_gen_key

TESTS += test_sim_access
test_sim_access_SRCS := tests/unit/firmware-sim/test_access.c
test_sim_access_DEPS := sim_testing firmware
test_sim_access_PKGS := cmocka

TESTS += test_sim_keys
test_sim_keys_SRCS := tests/unit/firmware-sim/test_keys.c
test_sim_keys_DEPS := sim_testing firmware
test_sim_keys_PKGS := cmocka libcrypto

TESTS += test_sim_commands
test_sim_commands_SRCS := tests/unit/firmware-sim/test_commands.c
test_sim_commands_DEPS := sim_testing firmware
test_sim_commands_PKGS := cmocka libcrypto

# drives the program itself
TESTS += test_ukey_sim
test_ukey_sim_SRCS := tests/unit/firmware-sim/test_ukey_sim.c
test_ukey_sim_PKGS := cmocka
$(B)/tests/test_ukey_sim: | $(B)/bin/ukey-sim
