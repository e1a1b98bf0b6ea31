/* The GM file "openukey.p11": what Cryptoki keeps about a key and the card's object model has no place for.
 *
 * Read by anyone, written by the user. It is created once with its full size and rewritten from offset 0 by one
 * WriteFile command, which a card commits as a whole. A key without a record has the defaults:
 *   CKA_ID    = SHA-1(container name || 0x00 || usage byte), 20 bytes
 *   CKA_LABEL = container name
 * The key's certificate and public key share its values. Integers are big-endian.
 *
 *   header   magic4 "OUKA", version1, length2 (of the records)
 *   record   tag1, length2, value; a reader skips tags that it does not know
 *   ATTR_KEY value = usage1, nameLen1, container name, then fields: tag1, length2, value */
#ifndef OPENUKEY_ATTRIBUTE_FILE_H
#define OPENUKEY_ATTRIBUTE_FILE_H

#define ATTRIBUTE_FILE_NAME  "openukey.p11"
#define ATTRIBUTE_FILE_MAGIC "OUKA"

enum attribute_file {
    ATTRIBUTE_FILE_VERSION = 1,
    ATTRIBUTE_FILE_SIZE = 1920, /* as created; fits one WriteFile command */
    ATTRIBUTE_FILE_HEADER = 7
};

enum attribute_tag {
    ATTR_KEY = 0x01,
    ATTR_FIELD_ID = 0x10,   /* CKA_ID, 1..ATTRIBUTE_ID_MAX bytes */
    ATTR_FIELD_LABEL = 0x11 /* CKA_LABEL, UTF-8, 0..ATTRIBUTE_LABEL_MAX bytes */
};

enum attribute_limit { ATTRIBUTE_ID_MAX = 64, ATTRIBUTE_LABEL_MAX = 64 };

#endif
