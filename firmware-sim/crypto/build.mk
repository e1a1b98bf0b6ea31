# the self-tests of the card, see the Makefile

TESTS += test_sim_self_test
test_sim_self_test_SRCS := tests/unit/firmware-sim/test_self_test.c
test_sim_self_test_DEPS := sim_testing firmware
test_sim_self_test_PKGS := cmocka
