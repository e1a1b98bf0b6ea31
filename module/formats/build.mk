# archive formats: what tokens hold and people sign, on OpenSSL
ARCHIVES += formats
formats_SRCS := module/formats/octets.c module/formats/der.c module/formats/sm2.c \
                module/formats/sm2_cipher.c module/formats/sm2_envelope.c module/formats/calendar.c \
                module/formats/certificate.c module/formats/certificate_chain.c \
                module/formats/certificate_request.c module/formats/gm_cms.c \
                module/formats/seal.c module/formats/seal_build.c module/formats/seal_asn1.c \
                module/formats/canonical_json.c
formats_PKGS := libcrypto jansson

# each test is one program; bench.c makes throwaway certificates for them
ARCHIVES += formats_bench
formats_bench_SRCS := tests/unit/formats/bench.c
formats_bench_DEPS := formats
formats_bench_PKGS := libcrypto cmocka
formats_tests := sm2 sm2_envelope gm_cms seal certificate calendar canonical_json
TESTS += $(formats_tests:%=test_formats_%)
$(foreach t,$(formats_tests),$(eval test_formats_$(t)_SRCS := tests/unit/formats/test_$(t).c)\
  $(eval test_formats_$(t)_DEPS := formats_bench formats)\
  $(eval test_formats_$(t)_PKGS := libcrypto cmocka jansson))
