// OpenSSL with libp11's engine, curl and osslsigncode on it, use keys behind the real pcscd, SM2 keys beside them.
import { test } from 'node:test';
import { absent, ClientDesk, eachKey, notSanitized } from '../support/client_desk.mjs';
import { curl, engineMissing, opensslEngine, osslsigncode } from '../support/clients/openssl_engine.mjs';

const skip = absent() || engineMissing('curl', 'osslsigncode');

test("OpenSSL's engine", { skip }, async (t) => {
    await eachKey(t, await ClientDesk.make(t), {
        'openssl signs a file and a request': opensslEngine,
        // does not get beyond its first setlocale() when a sanitizer is preloaded
        'curl logs in to a TLS server': [curl, notSanitized],
        'osslsigncode signs a Windows program': osslsigncode,
    });
});
