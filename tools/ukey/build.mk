# archive ca: the CA, KMC and seal maker of tools/orderd/ca; program ukey
ARCHIVES += ca
ca_SRCS := tools/orderd/ca/ca.c tools/orderd/ca/ca_algorithm.c tools/orderd/ca/ca_identity.c tools/orderd/ca/ca_files.c tools/orderd/ca/ca_certify.c \
           tools/orderd/ca/ca_issue.c tools/orderd/ca/ca_escrow.c tools/orderd/ca/ca_crl.c tools/orderd/ca/ca_ocsp.c \
           tools/orderd/ca/ca_seal.c tools/orderd/ca/ca_recovery.c tools/orderd/ca/ca_record.c \
           tools/orderd/seal_picture.c
ca_DEPS := formats
ca_PKGS := libcrypto pangocairo
ca_LDLIBS := -lm -lpthread

PROGRAMS += ukey
ukey_SRCS := tools/ukey/main.c tools/ukey/text.c tools/ukey/profile.c tools/ukey/simulator.c \
             tools/ukey/key.c tools/ukey/key_objects.c tools/ukey/container.c \
             tools/ukey/manifest.c tools/ukey/provision.c \
             tools/ukey/look.c tools/ukey/look_commands.c tools/ukey/doctor.c \
             tools/ukey/sim_exec.c tools/ukey/sim_image.c
ukey_ASSETS := $(sort $(wildcard tools/ukey/profiles/*.json))
ukey_DEPS := ca formats http identity
ukey_PKGS := libcrypto jansson
ukey_LDLIBS := -ldl

TESTS += test_ca test_ca_recovery test_ca_algorithms test_ca_ocsp test_ca_earlier
$(foreach t,test_ca test_ca_recovery test_ca_algorithms test_ca_ocsp test_ca_earlier,\
  $(eval $(t)_SRCS := tests/unit/ca/$(t).c tests/unit/ca/fixture.c)\
  $(eval $(t)_DEPS := ca formats_bench)$(eval $(t)_PKGS := libcrypto cmocka))
