// Firefox uses keys behind the real pcscd, SM2 keys beside them.
import { test } from 'node:test';
import { absent, ClientDesk, eachKey, notSanitized } from '../support/client_desk.mjs';
import { firefox, firefoxMissing } from '../support/clients/firefox.mjs';

test('Firefox', { skip: absent() || firefoxMissing() || notSanitized }, async (t) => {
    await eachKey(t, await ClientDesk.make(t), { 'logs in to a TLS site': firefox });
});
