// The person at the dialogs, scripted: makes a pinentry and a consent program in a folder, which answer what the folder's
// files say and note what they were shown. The agent runs them as it would run the real ones; it cannot tell.
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

// One PIN a line in `pin`: each question takes the first, the last one stays. No file: the person closes the dialog.
const PINENTRY = `#!/bin/sh
dir=\${0%/*}
printf 'OK Pleased to meet you\\n'
while IFS= read -r line; do
    printf '%s\\n' "$line" >>"$dir/pinentry.log"
    case $line in
    GETPIN*)
        if [ -f "$dir/pin" ]; then
            IFS= read -r pin <"$dir/pin"
            if [ "$(wc -l <"$dir/pin")" -gt 1 ]; then sed -i 1d "$dir/pin"; fi
            printf 'D %s\\nOK\\n' "$pin"
        else
            printf 'ERR 83886179 Operation cancelled <Pinentry>\\n'
        fi
        ;;
    BYE*)
        printf 'OK closing connection\\n'
        exit 0
        ;;
    *) printf 'OK\\n' ;;
    esac
done
`;

// What is in \`<kind>.refuse\` files is refused, everything else is agreed to.
const CONSENT = `#!/bin/sh
dir=\${0%/*}
request=$(tr -d '\\n')
printf '%s\\n' "$request" >>"$dir/consent.log"
kind=$(printf '%s' "$request" | sed -n 's/.*"kind" *: *"\\([a-z]*\\)".*/\\1/p')
if [ -f "$dir/$kind.refuse" ]; then
    printf '{"decision":"refuse"}\\n'
elif [ "$kind" = pairing ]; then
    printf '{"decision":"agree","choice":"once"}\\n'
else
    printf '{"decision":"agree"}\\n'
fi
`;

export class Dialogs {
    constructor(dir, pin) {
        this.dir = dir;
        mkdirSync(dir, { recursive: true, mode: 0o700 });
        this.pinentry = join(dir, 'pinentry');
        this.consent = join(dir, 'consent');
        writeFileSync(this.pinentry, PINENTRY);
        writeFileSync(this.consent, CONSENT);
        chmodSync(this.pinentry, 0o700);
        chmodSync(this.consent, 0o700);
        this.typePin(pin);
    }

    /* What the person types, one PIN a question; the last one again and again. */
    typePin(...pins) {
        writeFileSync(join(this.dir, 'pin'), pins.map((pin) => `${pin}\n`).join(''), { mode: 0o600 });
    }

    /* The person closes the PIN dialog. */
    closePinDialog() {
        rmSync(join(this.dir, 'pin'), { force: true });
    }

    /* kind: pairing, login, statement or confirm */
    refuse(kind) {
        writeFileSync(join(this.dir, `${kind}.refuse`), '');
    }

    agree(kind) {
        rmSync(join(this.dir, `${kind}.refuse`), { force: true });
    }

    /* The consent requests so far, oldest first. */
    get shown() {
        return this.#lines('consent.log').map((line) => JSON.parse(line));
    }

    /* What pinentry was told so far: SETDESC and the like. */
    get pinentryLog() {
        return this.#lines('pinentry.log');
    }

    #lines(name) {
        const path = join(this.dir, name);
        return existsSync(path) ? readFileSync(path, 'utf8').split('\n').filter(Boolean) : [];
    }
}
