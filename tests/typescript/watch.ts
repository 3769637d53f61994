// A subscription, whose types stand beside this file.
import { createTRPCClient, httpSubscriptionLink } from '@trpc/client';
import type { AppRouter, EventId, MediaEvent, MediaId } from './index.js';

const api = createTRPCClient<AppRouter>({ links: [httpSubscriptionLink({ url: 'https://media.test/rpc' })] });

export function follow(mediaId: MediaId, lastEventId: EventId): void {
  api.media.watch.subscribe(undefined, {
    onData({ id, data }) {
      const event: MediaEvent = data;
      const seen: EventId = id;
      if (event.type === 'media.failed') console.log(seen, event.data.error?.reason);
      // @ts-expect-error no event is of this type
      if (event.type === 'media.lost') console.log(seen);
    },
  });
  api.media.watch.subscribe({ mediaId, lastEventId }, {});
  api.media.watch.subscribe({ since: 'start' }, {});
  api.media.watch.subscribe({ since: lastEventId }, {});
  // @ts-expect-error a log begins at its start, and nowhere else by a word
  api.media.watch.subscribe({ since: 'begin' }, {});
  // @ts-expect-error a media's id is no event's
  api.media.watch.subscribe({ lastEventId: mediaId }, {});
  // @ts-expect-error a subscription is no query
  api.media.watch.query({ mediaId });
}
