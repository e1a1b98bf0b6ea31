# tests of firmware-sim/core, see the Makefile
TESTS += test_sim_link
test_sim_link_SRCS := tests/unit/firmware-sim/test_link.c
test_sim_link_DEPS := sim_testing firmware
test_sim_link_PKGS := cmocka libcrypto
