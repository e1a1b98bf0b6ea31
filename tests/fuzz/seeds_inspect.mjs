// Seeds of fuzz_inspect.c: pictures of every kind, whole, cut and lying, and a PDF.
// node tests/fuzz/seeds_inspect.mjs writes them to tests/fuzz/corpus/inspect.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { png } from '../support/picture.mjs';

const folder = fileURLToPath(new URL('corpus/inspect', import.meta.url));
const u16 = (n) => Buffer.from([n & 255, n >> 8]);
const u32 = (n) => Buffer.from([n & 255, (n >> 8) & 255, (n >> 16) & 255, n >>> 24]);
const text = (string) => Buffer.from(string, 'latin1');
// 24 bits a pixel, 4 x 2, 11811 dots a metre (300 DPI)
const bmp = (width = 4, height = 2) => Buffer.concat([text('BM'), u32(78), u32(0), u32(54), u32(40), u32(width), u32(height), u16(1), u16(24), u32(0), u32(24), u32(11811), u32(11811), u32(0), u32(0), Buffer.alloc(24, 0x5a)]);
const gif = (width = 1, height = 1) => Buffer.concat([text('GIF89a'), u16(width), u16(height), Buffer.from('800000ff0000ffffff2c00000000010001000002024401003b', 'hex')]);
// 8 x 8 grey, baseline, with JFIF's 300 DPI
const jpeg = Buffer.concat([
    Buffer.from('ffd8ffe000104a46494600010101012c012c0000ffdb004300', 'hex'), Buffer.alloc(64, 1),
    Buffer.from('ffc0000b080008000801011100ffc4001400010000000000000000000000000000000affc40014100100000000000000000000000000000000ffda0008010100003f00', 'hex'),
    Buffer.from('d2cf20ffd9', 'hex'),
]);
const pdf = text('%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\nxref\n0 1\ntrailer<</Root 1 0 R>>\nstartxref\n40\n%%EOF\n');
const seeds = [png(), png({ dpi: 72 }), png({ claim: { width: 60000, height: 60000 } }), png().subarray(0, 200), bmp(), bmp(30000, 30000), bmp(4, 0xffffffff), gif(), gif(65535, 65535), jpeg, jpeg.subarray(0, 120), Buffer.from(jpeg.toString('hex').replace('0800080008', '08ea60ea60'), 'hex'), pdf, text('%PDF-'), text('MZ')];

rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
seeds.forEach((bytes, i) => writeFileSync(join(folder, String(i).padStart(2, '0')), bytes));
console.log(`${seeds.length} seeds`);
