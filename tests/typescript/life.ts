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

async function upload(purpose: 'post' | 'profile') {
  const { mediaId, uploadUrl, method, headers } = await api.media.initiateUpload.mutate({ ...photo, purpose });
  const { status } = await fetch(uploadUrl, { method, headers, body });
  return { mediaId, sent: status, completed: (await api.media.completeUpload.mutate({ mediaId })).media.status };
}

const { mediaId, sent, completed } = await upload('profile');
await ready;

const { media } = await api.media.getMedia.query({ mediaId });
const { items, nextCursor } = await api.media.listMedia.query({ type: 'image' });
const { url } = await api.media.getDownloadUrl.query({ mediaId });
const downloaded = Buffer.from(await (await fetch(url)).arrayBuffer());
const usage = await api.media.getStorageUsage.query();

const { media: portrait } = await api.media.setProfileImage.mutate({ mediaId });
const { media: shown } = await api.media.getProfileImage.query();
const { mediaId: first } = await upload('post');
const inPost = { postId: 'walk', mediaIds: [first] };
const { items: attached } = await api.media.attachToPost.mutate(inPost);
const { items: posted } = await api.media.listPostMedia.query({ postId: 'walk' });
const { success: detached } = await api.media.detachFromPost.mutate(inPost);
const { deleted: ofPost } = await api.media.deletePostMedia.mutate({ postId: 'walk' });
const { results } = await api.media.deleteMany.mutate({ mediaIds: [first] });

const { success: deleted } = await api.media.deleteMedia.mutate({ mediaId });
const left = await api.media.listMedia.query();

say({
  seen,
  maxSize: formats.find(({ contentType }) => contentType === photo.contentType)?.maxSize,
  cancelled,
  sent,
  completed,
  media: [media.status, media.filename, media.size, media.width, media.height],
  listed: [items.map(({ id }) => id === mediaId), nextCursor],
  downloaded: downloaded.equals(body),
  used: usage.used,
  portrait: [portrait.id === mediaId, shown?.id === mediaId],
  post: [attached[0]?.postId, posted[0]?.id === first, detached, ofPost],
  deletedMany: results.map(({ mediaId: id, success, error }) => [id === first, success, error]),
  deleted,
  left: left.items,
  requests,
});
