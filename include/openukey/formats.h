/* Formats and names that several parts of OpenUKey agree on: object identifiers, signed-statement
 * prefixes, seal files. */
#ifndef OPENUKEY_FORMATS_H
#define OPENUKEY_FORMATS_H

/* --- object identifiers (GM/T 0006, GM/T 0010) --- */
#define OID_SM2_CURVE               "1.2.156.10197.1.301"   /* namedCurve of id-ecPublicKey */
#define OID_SM2_SIGN                "1.2.156.10197.1.301.1" /* signatures of GM SignedData */
#define OID_SM2_ENCRYPT             "1.2.156.10197.1.301.3"
#define OID_SM3                     "1.2.156.10197.1.401"
#define OID_SM3_WITH_SM2            "1.2.156.10197.1.501"
#define OID_SHA256_WITH_RSA         "1.2.840.113549.1.1.11"
#define OID_ECDSA_WITH_SHA256       "1.2.840.10045.4.3.2"
#define OID_SM4                     "1.2.156.10197.1.104"
#define OID_SM4_ECB                 "1.2.156.10197.1.104.1"
#define OID_GM_DATA                 "1.2.156.10197.6.1.4.2.1"
#define OID_GM_SIGNED_DATA          "1.2.156.10197.6.1.4.2.2"
#define OID_GM_ENVELOPED_DATA       "1.2.156.10197.6.1.4.2.3"
#define OID_SM4_CBC                 "1.2.156.10197.1.104.2"
#define OID_ORGANIZATION_IDENTIFIER "2.5.4.97"

/* --- object identifiers of CMS (RFC 5652, 5035, 6211) and its algorithms (RFC 5754, 4055, 5758) --- */
#define OID_DATA                   "1.2.840.113549.1.7.1"
#define OID_SIGNED_DATA            "1.2.840.113549.1.7.2"
#define OID_ENVELOPED_DATA         "1.2.840.113549.1.7.3"
#define OID_CONTENT_TYPE           "1.2.840.113549.1.9.3"
#define OID_MESSAGE_DIGEST         "1.2.840.113549.1.9.4"
#define OID_SIGNING_TIME           "1.2.840.113549.1.9.5"
#define OID_SIGNING_CERTIFICATE_V2 "1.2.840.113549.1.9.16.2.47"
#define OID_ALGORITHM_PROTECTION   "1.2.840.113549.1.9.52"
#define OID_SHA256                 "2.16.840.1.101.3.4.2.1"
#define OID_SHA384                 "2.16.840.1.101.3.4.2.2"
#define OID_SHA512                 "2.16.840.1.101.3.4.2.3"
#define OID_RSA_ENCRYPTION         "1.2.840.113549.1.1.1"
#define OID_RSA_OAEP               "1.2.840.113549.1.1.7"
#define OID_RSA_PSS                "1.2.840.113549.1.1.10"
#define OID_SHA256_WITH_RSA        "1.2.840.113549.1.1.11"
#define OID_ECDSA_WITH_SHA256      "1.2.840.10045.4.3.2"
#define OID_ECDSA_WITH_SHA384      "1.2.840.10045.4.3.3"
#define OID_AES128_CBC             "2.16.840.1.101.3.4.1.2"
#define OID_AES192_CBC             "2.16.840.1.101.3.4.1.22"
#define OID_AES256_CBC             "2.16.840.1.101.3.4.1.42"

/* --- OpenUKey's own signed attributes, each a UTF8String: below a UUID (ITU-T X.667),
 * 89c28419-ecc0-4be8-8ae7-dc97bb8108ed --- */
#define OID_OPENUKEY         "2.25.183114220345131910567204381007741520109"
/* the asking page's nonce; its web origin, as the agent saw it; "statement", "login" or "document" */
#define OID_OPENUKEY_NONCE   OID_OPENUKEY ".1"
#define OID_OPENUKEY_ORIGIN  OID_OPENUKEY ".2"
#define OID_OPENUKEY_PURPOSE OID_OPENUKEY ".3"

/* --- seals on a key --- */
/* A seal is a GM file (a CKO_DATA object) named esID + SEAL_FILE_SUFFIX that holds the DER SESeal.
 * A file name has 32 bytes at most. */
#define SEAL_FILE_SUFFIX ".esl"
#define SEAL_ID_MAX      28 /* IA5 characters of esID in seals that we make */

/* --- what the renewal job signs beside the PKCS#10 --- */
/* Proof of continuity, by the old signing key: prefix || nonce || ":" || lower-case hex SHA-256 of
 * the DER request. */
#define CONTINUITY_PREFIX "openukey-continuity:"
/* Proof of installation, by the new signing key: prefix || nonce. */
#define PROOF_PREFIX      "openukey-proof:"
/* Proof that a recovered encryption key works, by the signing key of the token: prefix || nonce ||
 * ":" || what the challenge opens to. */
#define RECOVERED_PREFIX  "openukey-recovered:"

#endif
