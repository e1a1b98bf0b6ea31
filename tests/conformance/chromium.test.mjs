// Chromium uses keys behind the real pcscd, SM2 keys beside them.
import { test } from 'node:test';
import { absent, ClientDesk, eachKey, notSanitized } from '../support/client_desk.mjs';
import { chromium, chromiumMissing } from '../support/clients/chromium.mjs';

test('Chromium', { skip: absent() || chromiumMissing() || notSanitized }, async (t) => {
    await eachKey(t, await ClientDesk.make(t), { 'logs in to a TLS site': chromium });
});
