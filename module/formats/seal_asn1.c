/* Templates of the seal structures. */
#include "module/formats/seal_asn1.h"

ASN1_SEQUENCE(SES_HEADER) =
    {
        ASN1_SIMPLE(SES_HEADER, id, ASN1_IA5STRING),
        ASN1_SIMPLE(SES_HEADER, version, ASN1_INTEGER),
        ASN1_SIMPLE(SES_HEADER, vendor, ASN1_IA5STRING),
} static_ASN1_SEQUENCE_END(SES_HEADER)

        ASN1_SEQUENCE(SES_PROPERTY) =
            {
                ASN1_SIMPLE(SES_PROPERTY, type, ASN1_INTEGER),
                ASN1_SIMPLE(SES_PROPERTY, name, ASN1_UTF8STRING),
                ASN1_SIMPLE(SES_PROPERTY, list_type, ASN1_INTEGER),
                ASN1_SIMPLE(SES_PROPERTY, list, ASN1_ANY),
                ASN1_SIMPLE(SES_PROPERTY, created, ASN1_GENERALIZEDTIME),
                ASN1_SIMPLE(SES_PROPERTY, valid_start, ASN1_GENERALIZEDTIME),
                ASN1_SIMPLE(SES_PROPERTY, valid_end, ASN1_GENERALIZEDTIME),
} ASN1_SEQUENCE_END(SES_PROPERTY)

                ASN1_SEQUENCE(SES_PROPERTY_V1) =
                    {
                        ASN1_SIMPLE(SES_PROPERTY_V1, type, ASN1_INTEGER),
                        ASN1_SIMPLE(SES_PROPERTY_V1, name, ASN1_UTF8STRING),
                        ASN1_SIMPLE(SES_PROPERTY_V1, list, ASN1_ANY),
                        ASN1_SIMPLE(SES_PROPERTY_V1, created, ASN1_UTCTIME),
                        ASN1_SIMPLE(SES_PROPERTY_V1, valid_start, ASN1_UTCTIME),
                        ASN1_SIMPLE(SES_PROPERTY_V1, valid_end, ASN1_UTCTIME),
} ASN1_SEQUENCE_END(SES_PROPERTY_V1)

                        ASN1_SEQUENCE(SES_PICTURE) =
                            {
                                ASN1_SIMPLE(SES_PICTURE, type, ASN1_IA5STRING),
                                ASN1_SIMPLE(SES_PICTURE, data, ASN1_OCTET_STRING),
                                ASN1_SIMPLE(SES_PICTURE, width, ASN1_INTEGER),
                                ASN1_SIMPLE(SES_PICTURE, height, ASN1_INTEGER),
} static_ASN1_SEQUENCE_END(SES_PICTURE)

                                ASN1_SEQUENCE(SES_SEAL_INFO) =
                                    {
                                        ASN1_SIMPLE(SES_SEAL_INFO, header, SES_HEADER),
                                        ASN1_SIMPLE(SES_SEAL_INFO, es_id, ASN1_IA5STRING),
                                        ASN1_SIMPLE(SES_SEAL_INFO, property, ASN1_ANY),
                                        ASN1_SIMPLE(SES_SEAL_INFO, picture, SES_PICTURE),
                                        ASN1_SEQUENCE_OF_OPT(SES_SEAL_INFO, extensions, ASN1_ANY),
                                        ASN1_EXP_SEQUENCE_OF_OPT(SES_SEAL_INFO, tagged_extensions,
                                                                 ASN1_ANY, 0),
} ASN1_SEQUENCE_END(SES_SEAL_INFO)

                                        ASN1_SEQUENCE(SES_SEAL) =
                                            {
                                                ASN1_SIMPLE(SES_SEAL, info, ASN1_ANY),
                                                ASN1_SIMPLE(SES_SEAL, certificate,
                                                            ASN1_OCTET_STRING),
                                                ASN1_SIMPLE(SES_SEAL, algorithm, ASN1_OBJECT),
                                                ASN1_SIMPLE(SES_SEAL, signature, ASN1_BIT_STRING),
} ASN1_SEQUENCE_END(SES_SEAL)

                                                ASN1_SEQUENCE(SES_SIGN_INFO) =
                                                    {
                                                        ASN1_SIMPLE(SES_SIGN_INFO, certificate,
                                                                    ASN1_OCTET_STRING),
                                                        ASN1_SIMPLE(SES_SIGN_INFO, algorithm,
                                                                    ASN1_OBJECT),
                                                        ASN1_SIMPLE(SES_SIGN_INFO, signature,
                                                                    ASN1_BIT_STRING),
} static_ASN1_SEQUENCE_END(SES_SIGN_INFO)

                                                        ASN1_SEQUENCE(SES_SEAL_V1) =
                                                            {
                                                                ASN1_SIMPLE(SES_SEAL_V1, info,
                                                                            ASN1_ANY),
                                                                ASN1_SIMPLE(SES_SEAL_V1, sign_info,
                                                                            SES_SIGN_INFO),
} ASN1_SEQUENCE_END(SES_SEAL_V1)

                                                                ASN1_SEQUENCE(SES_THREE_PARTS) =
                                                                    {
                                                                        ASN1_SIMPLE(SES_THREE_PARTS,
                                                                                    info, ASN1_ANY),
                                                                        ASN1_SIMPLE(
                                                                            SES_THREE_PARTS,
                                                                            certificate,
                                                                            ASN1_OCTET_STRING),
                                                                        ASN1_SIMPLE(SES_THREE_PARTS,
                                                                                    algorithm,
                                                                                    ASN1_OBJECT),
} ASN1_SEQUENCE_END(SES_THREE_PARTS)

                                                                        ASN1_SEQUENCE(SES_DIGEST) =
                                                                            {
                                                                                ASN1_SIMPLE(
                                                                                    SES_DIGEST,
                                                                                    type,
                                                                                    ASN1_PRINTABLESTRING),
                                                                                ASN1_SIMPLE(
                                                                                    SES_DIGEST,
                                                                                    value,
                                                                                    ASN1_OCTET_STRING),
} static_ASN1_SEQUENCE_END(SES_DIGEST)

                                                                                ASN1_ITEM_TEMPLATE(
                                                                                    SES_CERTIFICATE_LIST) =
                                                                                    ASN1_EX_TEMPLATE_TYPE(
                                                                                        ASN1_TFLG_SEQUENCE_OF,
                                                                                        0, list,
                                                                                        ASN1_OCTET_STRING)
                                                                                        ASN1_ITEM_TEMPLATE_END(
                                                                                            SES_CERTIFICATE_LIST)

                                                                                            ASN1_ITEM_TEMPLATE(
                                                                                                SES_DIGEST_LIST) =
                                                                                                ASN1_EX_TEMPLATE_TYPE(
                                                                                                    ASN1_TFLG_SEQUENCE_OF,
                                                                                                    0,
                                                                                                    list,
                                                                                                    SES_DIGEST)
                                                                                                    ASN1_ITEM_TEMPLATE_END(
                                                                                                        SES_DIGEST_LIST)
