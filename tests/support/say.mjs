// One line to the control socket of a simulated key: node say.mjs SOCKET WORD...; exit status 0 if it answers "ok".
import { createConnection } from 'node:net';

const [path, ...words] = process.argv.slice(2);
const socket = createConnection(path, () => socket.write(`${words.join(' ')}\n`));
socket.on('data', (data) => process.exit(data.toString().startsWith('ok') ? 0 : 1));
socket.on('error', () => process.exit(1));
