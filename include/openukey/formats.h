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
#define OID_CONTENT_TYPE            "1.2.840.113549.1.9.3"
#define OID_MESSAGE_DIGEST          "1.2.840.113549.1.9.4"
#define OID_SIGNING_TIME            "1.2.840.113549.1.9.5"
#define OID_ORGANIZATION_IDENTIFIER "2.5.4.97"

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

#endif
