// A gallery that follows what happens to its caller's media: it says its list whenever that has changed, line by line. At
// each SIGUSR2 it does the next thing of the order.
import { createTRPCClient } from '@trpc/client';
import { EventSource } from 'eventsource';
import type { AppRouter } from 'mediarpc';
import { liveMedia, type LiveMediaOptions } from 'mediarpc/live';
import { mediaLinks } from 'mediarpc/trpc';
import { order, say } from './client.js';

type Action = 'more' | 'hide' | 'show' | 'close';
interface Asked {
  url: string;
  token: string;
  options: LiveMediaOptions;
  actions: Action[];
}

const { url, token, options, actions } = order<Asked>();
let connections = 0;

class CountedSource extends EventSource {
  constructor(...told: ConstructorParameters<typeof EventSource>) {
    super(...told);
    connections += 1;
  }

  override close(): void {
    connections -= 1;
    super.close();
  }
}

const page = Object.assign(new EventTarget(), { visibilityState: 'visible' });
Object.assign(globalThis, { document: page });
const api = createTRPCClient<AppRouter>({ links: mediaLinks({ url, token, EventSource: CountedSource }) });
const gallery = liveMedia(api, options);
gallery.subscribe(tell);

function tell(): void {
  const { items, hasMore, error } = gallery.snapshot();
  const shown = items.map(({ id, status, stage, progress }) => ({ id, status, stage, progress }));
  say({ items: shown, hasMore, error: error && error.message });
}

function turn(visibilityState: string): void {
  Object.assign(page, { visibilityState });
  page.dispatchEvent(new Event('visibilitychange'));
}

process.on('SIGUSR2', () => {
  const action = actions.shift();
  if (action === 'more') void gallery.more();
  if (action === 'hide') turn('hidden');
  if (action === 'show') turn('visible');
  if (action === 'close') gallery.close();
  setTimeout(() => say({ done: action, connections }), 200);
});
setInterval(() => undefined, 60_000);
