// Calls that are made in one go: what came of each, and what was sent for them.
import type { MediaId } from 'mediarpc';
import { clientOf, order, requests, say } from './client.js';
import { told } from './errors.js';

const api = clientOf(order());
const nobodys = '00000000-0000-4000-8000-000000000000' as MediaId;
const settled = await Promise.allSettled([
  api.media.getStorageUsage.query().then(({ limit }) => limit),
  api.media.getMedia.query({ mediaId: nobodys }),
  api.media.cancelUpload.mutate({ mediaId: nobodys }),
  api.media.listMedia.query({ limit: 5 }).then(({ items }) => items),
  api.media.initiateUpload
    .mutate({ filename: 'a.png', contentType: 'image/png', size: 1 })
    .then(({ method }) => method),
  api.media.getSupportedFormats.query().then(({ renditions }) => renditions),
]);
say({
  calls: settled.map((one) => (one.status === 'fulfilled' ? one.value : told(one.reason))),
  requests: requests.sort(),
});
