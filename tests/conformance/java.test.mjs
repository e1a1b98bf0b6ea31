// Java's keystore of a token behind the real pcscd, SM2 keys beside the one that it uses.
import { test } from 'node:test';
import { absent, ClientDesk, eachKey } from '../support/client_desk.mjs';
import { commands, jarsigner, keytool } from '../support/clients/java.mjs';

test('Java', { skip: absent(...commands) }, async (t) => {
    await eachKey(t, await ClientDesk.make(t), {
        'keytool lists the keystore and signs a request': keytool,
        'jarsigner signs an archive': jarsigner,
    });
});
