# archive formats: what tokens hold and people sign, on OpenSSL
ARCHIVES += formats
formats_SRCS := module/formats/octets.c module/formats/der.c module/formats/sm2.c \
                module/formats/sm2_cipher.c module/formats/sm2_envelope.c module/formats/calendar.c \
                module/formats/certificate.c module/formats/certificate_chain.c \
                module/formats/certificate_request.c module/formats/gm_cms.c \
                module/formats/seal.c module/formats/seal_build.c module/formats/seal_asn1.c \
                module/formats/canonical_json.c
formats_PKGS := libcrypto jansson
