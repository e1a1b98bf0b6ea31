// Numbers that old pages know: errors, kinds of information, methods (GM/T 0020, GM/T 0006).

export const SOR = {
    OK: 0,
    UNKNOWN: 0x0b000001,
    INDATA: 0x0b000201,
    CERTIFICATE: 0x0b000405,
    SIGN: 0x0b000409,
    VERIFY: 0x0b000410,
    ENCRYPT: 0x0b000415,
    DECRYPT: 0x0b000416,
    PKCS7: 0x0b000417,
    NOT_SUPPORTED: 0x0b000419,
    LOGIN: 0x0b000420,
    INITIALIZE: 0x0b000424,
};

/* SOF_GetCertInfo: what of a parsed certificate. 11 and 12 are the two ends of its validity, as some pages ask for them. */
const attribute = (of, type) => (certificate) => certificate[of].filter(([name]) => name === type).map(([, value]) => value).join(', ');
const name = (of) => (certificate) => certificate[of].map(([type, value]) => `${type}=${value}`).join(', ');
const digits = (time) => time.replace(/[-:T]/g, '');
export const CERT_INFO = {
    0x01: (certificate) => String(certificate.version),
    0x02: (certificate) => certificate.serial,
    0x03: (certificate) => certificate.signatureAlgorithm,
    0x05: name('issuer'),
    0x06: ({ notBefore, notAfter }) => `${digits(notBefore)}||${digits(notAfter)}`,
    0x07: name('subject'),
    0x0b: ({ notBefore }) => digits(notBefore),
    0x0c: ({ notAfter }) => digits(notAfter),
    0x21: attribute('issuer', 'CN'),
    0x22: attribute('issuer', 'O'),
    0x23: attribute('issuer', 'OU'),
    0x31: attribute('subject', 'CN'),
    0x32: attribute('subject', 'O'),
    0x33: attribute('subject', 'OU'),
    0x34: attribute('subject', 'E'),
};

/* SOF_GetDeviceInfo: what of a listed key. */
export const DEVICE_INFO = {
    0x202: (token) => token.model,
    0x203: (token) => token.label,
    0x204: (token) => token.manufacturer,
    0x208: (token) => token.serial,
};

export const CONSTANTS = {
    SGD_CERT_VERSION: 0x01, SGD_CERT_SERIAL: 0x02, SGD_CERT_ISSUER: 0x05, SGD_CERT_VALID_TIME: 0x06, SGD_CERT_SUBJECT: 0x07,
    SGD_CERT_ISSUER_CN: 0x21, SGD_CERT_ISSUER_O: 0x22, SGD_CERT_ISSUER_OU: 0x23,
    SGD_CERT_SUBJECT_CN: 0x31, SGD_CERT_SUBJECT_O: 0x32, SGD_CERT_SUBJECT_OU: 0x33, SGD_CERT_SUBJECT_EMAIL: 0x34,
    SGD_DEVICE_TYPE: 0x202, SGD_DEVICE_NAME: 0x203, SGD_DEVICE_MANUFACTURER: 0x204, SGD_DEVICE_SERIAL_NUMBER: 0x208,
    SGD_SHA256_RSA: 0x00010004, SGD_SM3_SM2: 0x00020201,
};
