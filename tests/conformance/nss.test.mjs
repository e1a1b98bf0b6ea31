// NSS's programs, and poppler on it, use keys behind the real pcscd, SM2 keys beside them.
import { test } from 'node:test';
import { absent, ClientDesk, eachKey } from '../support/client_desk.mjs';
import { cmsutil, commands, modutilAndCertutil, pdfsig, signtool, withoutPin } from '../support/clients/nss.mjs';

test('NSS', { skip: absent(...commands) }, async (t) => {
    await eachKey(t, await ClientDesk.make(t), {
        'modutil and certutil list what is there; certutil signs a request': modutilAndCertutil,
        'certutil lists certificates without the PIN': withoutPin,
        'cmsutil signs, and decrypts what openssl encrypted': cmsutil,
        'signtool signs an archive': signtool,
        'pdfsig signs a PDF': pdfsig,
    });
});
