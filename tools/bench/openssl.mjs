// What one thread of OpenSSL does on this computer, by `openssl speed`.
import { execFileSync } from 'node:child_process';

const speed = (...args) => execFileSync('openssl', ['speed', ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });

// Operations a second, by the names of the benchmarks; each measured for so many seconds.
export function opensslSpeed(seconds) {
    const said = speed('-seconds', String(seconds), 'rsa2048', 'rsa3072', 'rsa4096', 'ecdsap256', 'ecdsap384', 'ecdhp256', 'ecdhp384', 'sm2');
    const words = (pattern) => said.split('\n').find((text) => pattern.test(text))?.trim().split(/\s+/) ?? [];
    const signs = (pattern) => Number(words(pattern).at(-2));
    const last = (pattern) => Number(words(pattern).at(-1));
    // "... 123456.78k": thousands of bytes a second in pieces of 1 KiB
    const pieces = (name) => (parseFloat(speed('-seconds', String(seconds), '-bytes', '1024', '-evp', name).trim().split(/\s+/).at(-1)) * 1000) / 1024;
    return {
        'SM3, 1 KiB': pieces('sm3'),
        'SM4-CBC, 1 KiB': pieces('sm4-cbc'),
        'SM2 sign': signs(/SM2/),
        'SM2 verify': last(/SM2/),
        'RSA-2048 sign': signs(/rsa 2048 bits/),
        'P-256 sign': signs(/256 bits ecdsa/),
        'P-256 ECDH': last(/256 bits ecdh/),
        'P-384 sign': signs(/384 bits ecdsa/),
        'P-384 ECDH': last(/384 bits ecdh/),
        'RSA-2048 private (PIV)': signs(/rsa 2048 bits/),
        'RSA-3072 private (PIV)': signs(/rsa 3072 bits/),
        'RSA-4096 private (PIV)': signs(/rsa 4096 bits/),
    };
}
