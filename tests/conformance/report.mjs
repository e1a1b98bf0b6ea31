// Writes docs/conformance.md from what the conformance suite finds (make conformance-report).
import { writeFileSync } from 'node:fs';
import { columns, document, render } from '../support/conformance.mjs';

writeFileSync(document, render(await columns()));
console.log(`written: ${document}`);
