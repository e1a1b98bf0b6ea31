// The order service's fuzzers run on their seeds (fuzzing.mjs).
import { fuzz } from './fuzzing.mjs';

fuzz([
    ['requests', 'requests to the order service', 16384],
    ['inputs', 'inputs of the order service, reader by reader', 32768],
    ['inspect', 'uploads', 16384, ['-malloc_limit_mb=8192']],
    ['ocsp', 'requests for the OCSP responder', 4200],
]);
