# the self-tests of the card, see the Makefile

TESTS += test_sim_self_test
test_sim_self_test_SRCS := tests/unit/firmware-sim/test_self_test.c
test_sim_self_test_DEPS := sim_testing firmware
test_sim_self_test_PKGS := cmocka

# the session that the ARM image runs too
TESTS += test_sim_session
test_sim_session_SRCS := tests/unit/firmware-sim/test_session.c tests/unit/firmware-sim/session.c
test_sim_session_DEPS := sim_testing firmware
test_sim_session_PKGS := cmocka
