import { createHmac } from 'node:crypto';

export function signToken(user, secret, more = {}) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = { sub: String(user), exp: Math.floor(Date.now() / 1000) + 3600, ...more };
  const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(claims)}`;
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
}

if (process.argv[1]?.endsWith('sign_token.mjs')) {
  console.log(signToken('ada', process.env.AUTH_JWT_SECRET, { plan: 'pro' }));
}
