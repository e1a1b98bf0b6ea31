// May this page reach programs on this computer? Browsers call it Local Network Access.

// Chromium wants to be told that the target is this computer; a browser that does not know the word refuses the option
let loopbackInit;
export function loopbackOption() {
    if (loopbackInit === undefined) {
        loopbackInit = {};
        try {
            new Request('https://localhost/', { targetAddressSpace: 'loopback' });
            loopbackInit = { targetAddressSpace: 'loopback' };
        } catch {
            // an older browser: the plain fetch is right
        }
    }
    return loopbackInit;
}

// 'granted' | 'denied' | 'prompt' | 'unknown' (a browser without this permission)
export async function loopbackPermission() {
    const permissions = globalThis.navigator?.permissions;
    for (const name of ['loopback-network', 'local-network-access']) {
        try {
            return (await permissions.query({ name })).state;
        } catch {
            // not known under this name
        }
    }
    return 'unknown';
}

// In a frame of another site the permission is the page's around it to pass on
export function isInForeignFrame() {
    if (globalThis.top === undefined || globalThis.top === globalThis.self) return false;
    try {
        return globalThis.top.location.origin !== globalThis.location.origin;
    } catch {
        return true;
    }
}
