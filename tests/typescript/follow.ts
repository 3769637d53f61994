// Follows what happens to its caller's media, and says it line by line; SIGUSR2 ends the subscription alone.
import type { MediaId } from 'mediarpc';
import { clientOf, order, say, type Order } from './client.js';
import { told } from './errors.js';

const asked = order<Order & { mediaId?: MediaId }>();
const input = { since: 'start' as const, ...(asked.mediaId && { mediaId: asked.mediaId }) };
const following = clientOf(asked).media.watch.subscribe(input, {
  onConnectionStateChange: ({ state }) => say({ state }),
  onData: ({ id, data }) => say({ id, type: data.type, mediaId: data.mediaId, status: data.data.status }),
  onError: (error) => say({ error: told(error) }),
});

process.on('SIGUSR2', () => {
  following.unsubscribe();
  say({ left: true });
});
setInterval(() => undefined, 60_000);
