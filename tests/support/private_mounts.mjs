// Programs that see other files at places of the system's than everybody else does: in a mount namespace of their own, without touching
// the system's.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { missing } from './world.mjs';

/* Why this machine cannot have them, or false. */
export function privateMountsMissing() {
    const absent = missing('unshare', 'mount');
    if (absent) return absent;
    const { status } = spawnSync('unshare', ['--map-root-user', '--mount', 'mount', '--bind', '/etc/passwd', '/etc/group']);
    return status === 0 ? false : 'no mount namespaces here';
}

/* Writes the program `path`, which is `command` with `binds` ({place: file or folder that is seen there}). */
export function writeWithMounts(path, command, binds) {
    const mounts = Object.entries(binds).map(([place, seen]) => `mount --bind '${seen}' '${place}' || exit 1\n`);
    const again = `[ "$INSIDE" ] || INSIDE=yes exec unshare --map-root-user --mount "$0" "$@"\n`;
    writeFileSync(path, `#!/bin/sh\n${again}${mounts.join('')}exec '${command}' "$@"\n`, { mode: 0o700 });
    return path;
}
