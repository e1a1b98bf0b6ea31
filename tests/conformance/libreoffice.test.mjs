// LibreOffice uses keys behind the real pcscd, SM2 keys beside them.
import { test } from 'node:test';
import { absent, ClientDesk, eachKey, notSanitized } from '../support/client_desk.mjs';
import { libreoffice, libreofficeMissing } from '../support/clients/libreoffice.mjs';

test('LibreOffice', { skip: absent() || libreofficeMissing() || notSanitized }, async (t) => {
    await eachKey(t, await ClientDesk.make(t), { 'exports a signed PDF and signs an ODT': libreoffice });
});
