// An upload's life, in which every procedure is called.
import { readFile } from 'node:fs/promises';
import { clientOf, order, requests, say, type Order } from './client.js';

const asked = order<Order & { path: string }>();
const api = clientOf(asked);
const body = await readFile(asked.path);
const photo = { filename: 'photo.jpg', contentType: 'image/jpeg', size: body.length };

const seen: string[] = [];
const ready = new Promise<void>((resolve, reject) => {
  const watching = api.media.watch.subscribe(undefined, {
    onData({ id, data }) {
      seen.push(`${data.type} ${id === data.id}`);
      if (data.type !== 'media.ready') return;
      watching.unsubscribe();
      resolve();
    },
    onError: reject,
  });
});

const { formats } = await api.media.getSupportedFormats.query();
const regretted = await api.media.initiateUpload.mutate(photo);
const { success: cancelled } = await api.media.cancelUpload.mutate({ mediaId: regretted.mediaId });

const { mediaId, uploadUrl, method, headers } = await api.media.initiateUpload.mutate({ ...photo, purpose: 'profile' });
const sent = await fetch(uploadUrl, { method, headers, body });
const completed = await api.media.completeUpload.mutate({ mediaId });
await ready;

const { media } = await api.media.getMedia.query({ mediaId });
const { items, nextCursor } = await api.media.listMedia.query({ type: 'image' });
const { url } = await api.media.getDownloadUrl.query({ mediaId });
const downloaded = Buffer.from(await (await fetch(url)).arrayBuffer());
const usage = await api.media.getStorageUsage.query();
const { success: deleted } = await api.media.deleteMedia.mutate({ mediaId });
const left = await api.media.listMedia.query();

say({
  seen,
  maxSize: formats.find(({ contentType }) => contentType === photo.contentType)?.maxSize,
  cancelled,
  sent: sent.status,
  completed: completed.media.status,
  media: [media.status, media.filename, media.size, media.width, media.height],
  listed: [items.map(({ id }) => id === mediaId), nextCursor],
  downloaded: downloaded.equals(body),
  used: usage.used,
  deleted,
  left: left.items,
  requests,
});
