# what the ports add to firmware-sim/build.mk, which takes all of ports/*.c into ukey-sim

TESTS += test_sim_ccid
test_sim_ccid_SRCS := tests/unit/firmware-sim/test_ccid.c firmware-sim/ports/ccid.c firmware-sim/ports/ccid_descriptors.c
test_sim_ccid_PKGS := cmocka
