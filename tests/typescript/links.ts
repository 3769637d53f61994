// A client over the package's links, whose tokens are good for a few seconds each: it makes a call, or follows what happens
// to its caller's media, and says everything line by line.
import { createHmac } from 'node:crypto';
import { createTRPCClient } from '@trpc/client';
import { EventSource } from 'eventsource';
import type { AppRouter } from 'mediarpc';
import { mediaLinks } from 'mediarpc/trpc';
import { order, say } from './client.js';
import { told } from './errors.js';

interface Asked {
  url: string;
  user: string;
  secret: string;
  /** Seconds: of each token in turn, the last one of all further ones. */
  lives: number[];
  follows: boolean;
}

const { url, user, secret, lives, follows } = order<Asked>();
const LEEWAY = 10; // seconds, for which the server takes a token that has ended

function encoded(document: object): string {
  return Buffer.from(JSON.stringify(document)).toString('base64url');
}

function newToken(): string {
  const life = lives.length > 1 ? lives.shift()! : lives[0]!;
  say({ token: life });
  const claims = { sub: user, exp: Math.floor(Date.now() / 1000) + life - LEEWAY };
  const signed = `${encoded({ alg: 'HS256', typ: 'JWT' })}.${encoded(claims)}`;
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
}

const api = createTRPCClient<AppRouter>({ links: mediaLinks({ url, token: newToken, EventSource }) });

if (follows) {
  api.media.watch.subscribe(undefined, {
    onConnectionStateChange: ({ state }) => say({ state }),
    onData: ({ id, data }) => say({ id, type: data.type, mediaId: data.mediaId }),
    onError: (error) => say({ error: told(error) }),
  });
} else {
  const asking = [api.media.getStorageUsage.query(), api.media.cancelUpload.mutate({ mediaId: 'x' as never })];
  for (const { status, ...rest } of await Promise.allSettled(asking)) {
    say('value' in rest ? { status } : { status, error: told(rest.reason) });
  }
}
