# archive formats: what tokens hold and people sign, on OpenSSL
ARCHIVES += formats
formats_SRCS := module/formats/octets.c module/formats/base64.c module/formats/jws.c module/formats/der.c module/formats/sm2.c \
                module/formats/sm2_cipher.c module/formats/sm2_envelope.c module/formats/calendar.c \
                module/formats/certificate.c module/formats/certificate_chain.c \
                module/formats/certificate_request.c module/formats/signature_scheme.c module/formats/signed_data.c \
                module/formats/signed_data_build.c module/formats/signed_data_asn1.c \
                module/formats/envelope.c module/formats/revocation_list.c module/formats/seal_stamp.c \
                module/formats/seal.c module/formats/seal_build.c module/formats/seal_asn1.c \
                module/formats/canonical_json.c
formats_PKGS := libcrypto jansson

# bench.c makes throwaway certificates for the tests
ARCHIVES += formats_bench
formats_bench_SRCS := tests/unit/formats/bench.c
formats_bench_DEPS := formats
formats_bench_PKGS := libcrypto cmocka

TESTS += test_formats_jws test_formats_envelope test_formats_seal_stamp test_formats_sm2 test_formats_sm2_envelope test_formats_signed_data \
         test_formats_seal test_formats_certificate test_formats_calendar \
         test_formats_canonical_json
test_formats_sm2_SRCS := tests/unit/formats/test_sm2.c
test_formats_sm2_DEPS := formats_bench formats
test_formats_sm2_PKGS := libcrypto cmocka jansson
test_formats_sm2_envelope_SRCS := tests/unit/formats/test_sm2_envelope.c
test_formats_sm2_envelope_DEPS := formats_bench formats
test_formats_sm2_envelope_PKGS := libcrypto cmocka jansson
test_formats_signed_data_SRCS := tests/unit/formats/test_signed_data.c
test_formats_signed_data_DEPS := formats_bench formats
test_formats_signed_data_PKGS := libcrypto cmocka jansson
test_formats_seal_SRCS := tests/unit/formats/test_seal.c
test_formats_seal_DEPS := formats_bench formats
test_formats_seal_PKGS := libcrypto cmocka jansson
test_formats_certificate_SRCS := tests/unit/formats/test_certificate.c
test_formats_certificate_DEPS := formats_bench formats
test_formats_certificate_PKGS := libcrypto cmocka jansson
test_formats_calendar_SRCS := tests/unit/formats/test_calendar.c
test_formats_calendar_DEPS := formats_bench formats
test_formats_calendar_PKGS := libcrypto cmocka jansson
test_formats_canonical_json_SRCS := tests/unit/formats/test_canonical_json.c
test_formats_canonical_json_DEPS := formats_bench formats
test_formats_canonical_json_PKGS := libcrypto cmocka jansson
test_formats_jws_SRCS := tests/unit/formats/test_jws.c
test_formats_jws_DEPS := formats_bench formats
test_formats_jws_PKGS := libcrypto cmocka jansson
test_formats_envelope_SRCS := tests/unit/formats/test_envelope.c
test_formats_envelope_DEPS := formats_bench formats
test_formats_envelope_PKGS := libcrypto cmocka jansson
test_formats_seal_stamp_SRCS := tests/unit/formats/test_seal_stamp.c
test_formats_seal_stamp_DEPS := formats_bench formats
test_formats_seal_stamp_PKGS := libcrypto cmocka jansson
