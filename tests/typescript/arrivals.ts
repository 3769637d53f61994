// A batch of two calls: each is told as it is done.
import type { MediaId } from 'mediarpc';
import { clientOf, order, requests, say, type Order } from './client.js';

const asked = order<Order & { slow: MediaId; quick: MediaId }>();
const api = clientOf(asked);
await Promise.all([
  api.media.cancelUpload.mutate({ mediaId: asked.slow }).then(({ success }) => say({ slow: success })),
  api.media.cancelUpload.mutate({ mediaId: asked.quick }).then(({ success }) => say({ quick: success })),
]);
say({ requests });
