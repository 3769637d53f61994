// Uploads files one after the other with a token that is kept, and says for how many the page was asked.
import { createHmac } from 'node:crypto';
import { cachedToken, createUploader } from 'mediarpc/upload';

interface Order {
  url: string;
  user: string;
  secret: string;
  /** Seconds: of each token in turn, the last one of all further ones; those of `refused` seconds are signed wrongly. */
  lives: number[];
  refused?: number;
  files: number;
}

const { url, user, secret, lives, refused, files } = JSON.parse(process.argv[2]!) as Order;
let asked = 0;

function encoded(document: object): string {
  return Buffer.from(JSON.stringify(document)).toString('base64url');
}

async function newToken(): Promise<string> {
  asked += 1;
  const life = lives.length > 1 ? lives.shift()! : lives[0]!;
  const claims = { sub: user, exp: Math.floor(Date.now() / 1000) + life };
  const signed = `${encoded({ alg: 'HS256', typ: 'JWT' })}.${encoded(claims)}`;
  const key = life === refused ? 'another secret, of another server' : secret;
  return `${signed}.${createHmac('sha256', key).update(signed).digest('base64url')}`;
}

const upload = createUploader({ url, token: cachedToken(newToken) });
const gif = Buffer.from('R0lGODlhAQABAIAAAAAAAP///ywAAAAAAQABAAACAUwAOw==', 'base64');
const outcomes: string[] = [];
for (let number = 0; number < files; number += 1) {
  const outcome = await upload(new File([gif], 'a.gif', { type: 'image/gif' })).catch((error: Error) => error);
  outcomes.push(outcome instanceof Error ? outcome.message : outcome.filename);
}
console.log(JSON.stringify({ asked, outcomes }));
