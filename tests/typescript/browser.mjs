// Gives Node.js the XMLHttpRequest and the File of a browser's page, whose origin is that of the order's url.
import { JSDOM, VirtualConsole } from 'jsdom';

const { window } = new JSDOM('', { url: JSON.parse(process.argv[2]).url, virtualConsole: new VirtualConsole() });
Object.assign(globalThis, { XMLHttpRequest: window.XMLHttpRequest, File: window.File });
