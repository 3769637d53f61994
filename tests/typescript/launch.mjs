// Starts the Chromium of the command line, prints the address at which it is reached, and ends it with its own input.
import { chromium } from 'playwright-core';

const FLAGS = ['disable-gpu', 'disable-quic', 'no-first-run', 'disable-background-networking', 'disable-component-update'];
const args = [...FLAGS, ...(process.getuid() === 0 ? ['no-sandbox'] : [])].map((flag) => `--${flag}`);
const server = await chromium.launchServer({ executablePath: process.argv[2], args, host: '127.0.0.1' });
console.log(server.wsEndpoint());
process.stdin.resume();
process.stdin.on('end', () => void server.close());
