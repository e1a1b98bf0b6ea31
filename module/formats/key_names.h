/* Key types as OpenSSL is asked for them: by number. For "RSA" and "EC" a program that has made an ENGINE its default (openssl
 * -engine, curl --engine) gets that engine, in every library context: then no key could be made here. */
#ifndef OPENUKEY_FORMATS_KEY_NAMES_H
#define OPENUKEY_FORMATS_KEY_NAMES_H

#define KEY_NAME_RSA "1.2.840.113549.1.1.1"
#define KEY_NAME_EC  "1.2.840.10045.2.1"
#define KEY_NAME_SM2 "1.2.156.10197.1.301"

#endif
