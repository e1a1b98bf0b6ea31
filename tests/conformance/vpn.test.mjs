// openvpn and strongSwan's pki use keys behind the real pcscd, SM2 keys beside them.
import { test } from 'node:test';
import { absent, ClientDesk, eachKey } from '../support/client_desk.mjs';
import { openvpn, openvpnMissing, pkiMissing, strongswanPki } from '../support/clients/vpn.mjs';

test('openvpn and strongSwan', { skip: absent() || openvpnMissing() || pkiMissing() }, async (t) => {
    await eachKey(t, await ClientDesk.make(t), {
        'openvpn connects to its server': openvpn,
        'pki makes a certificate and a request': strongswanPki,
    });
});
