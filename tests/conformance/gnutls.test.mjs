// GnuTLS's programs use keys behind the real pcscd, SM2 keys beside them.
import { test } from 'node:test';
import { absent, ClientDesk, eachKey, notSanitized } from '../support/client_desk.mjs';
import { certtool, commands, gnutlsCli, p11tool } from '../support/clients/gnutls.mjs';

test('GnuTLS', { skip: absent(...commands) }, async (t) => {
    await eachKey(t, await ClientDesk.make(t), {
        'p11tool lists what is there and its test signature is good': p11tool,
        // these two never end, waiting for libc's locale lock, when a sanitizer is preloaded; without our module neither
        'certtool signs a request that openssl verifies': [certtool, notSanitized],
        'gnutls-cli logs in to a TLS server of openssl': [gnutlsCli, notSanitized],
    });
});
