// An upload's life, in which every procedure is called.
import { readFile } from 'node:fs/promises';
import { told } from './errors.js';
import { clientOf, order, requests, say, type Order } from './client.js';

const asked = order<Order & { path: string }>();
const api = clientOf(asked);
const body = await readFile(asked.path);
const photo = { filename: 'photo.jpg', contentType: 'image/jpeg', size: body.length };

const seen: string[] = [];
const ready = new Promise<void>((resolve, reject) => {
  const watching = api.media.watch.subscribe({ since: 'start' }, {
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
const { results: [regretted] } = await api.media.initiateUploads.mutate({ uploads: [photo] });
const { success: cancelled } = await api.media.cancelUpload.mutate({ mediaId: regretted!.ticket!.mediaId });

async function upload(purpose: 'post' | 'profile') {
  const { mediaId, uploadUrl, method, headers } = await api.media.initiateUpload.mutate({ ...photo, purpose });
  const { status } = await fetch(uploadUrl, { method, headers, body });
  return { mediaId, sent: status, completed: (await api.media.completeUpload.mutate({ mediaId })).media.status };
}

function form(fields: Record<string, string>, file: Buffer, name: string): FormData {
  const made = new FormData();
  for (const [field, value] of Object.entries(fields)) made.set(field, value);
  made.set('file', new Blob([new Uint8Array(file)]), name);
  return made;
}

async function codeOf(call: Promise<unknown>): Promise<unknown> {
  try {
    return await call;
  } catch (error) {
    return told(error).rpcCode;
  }
}

const { mediaId, sent, completed } = await upload('profile');
await ready;

const { media } = await api.media.getMedia.query({ mediaId });
const { items, nextCursor } = await api.media.listMedia.query({ type: 'image', purpose: 'profile' });
const { url } = await api.media.getDownloadUrl.query({ mediaId });
const downloaded = Buffer.from(await (await fetch(url)).arrayBuffer());
const made = await api.media.getProcessingStatus.query({ mediaId });
const { media: again } = await api.media.retryProcessing.mutate({ mediaId });
const tooLate = await codeOf(api.media.cancelProcessing.mutate({ mediaId }));
const usage = await api.media.getStorageUsage.query();

const { media: portrait } = await api.media.setProfileImage.mutate({ mediaId });
const { media: shown } = await api.media.getProfileImage.query();
const { mediaId: first } = await upload('post');
const inPost = { postId: 'walk', mediaIds: [first] };
const { items: attached } = await api.media.attachToPost.mutate(inPost);
const { items: posted } = await api.media.listPostMedia.query({ postId: 'walk' });
const { success: detached } = await api.media.detachFromPost.mutate(inPost);
const { deleted: ofPost } = await api.media.deletePostMedia.mutate({ postId: 'walk' });

const clip = Buffer.concat([Buffer.from([0, 0, 0, 24]), Buffer.from('ftypmp42\0\0\0\0mp42isom')]);
const film = { filename: 'walk.mp4', contentType: 'video/mp4', size: clip.length };
const { mediaId: byUrl } = await api.media.initiateMultipartUpload.mutate(film);
const { parts } = await api.media.signParts.mutate({ mediaId: byUrl, partNumbers: [1] });
for (const { uploadUrl, method, headers } of parts) await fetch(uploadUrl, { method, headers, body: clip });
const { progress, missingParts } = await api.media.getUploadStatus.query({ mediaId: byUrl });
const { items: unfinished } = await api.media.listUploads.query();
const { media: whole } = await api.media.completeMultipartUpload.mutate({ mediaId: byUrl });

const { mediaId: byServer } = await api.media.initiateMultipartUpload.mutate(film);
const part = await api.media.uploadPart.mutate(form({ mediaId: byServer, partNumber: '1' }, clip, film.filename));
await api.media.cancelUpload.mutate({ mediaId: byServer });
const { media: brought } = await api.media.upload.mutate(form({ purpose: 'post' }, body, photo.filename));

const { events } = await api.media.pollEvents.query({ waitSeconds: 0, since: 'start', mediaId: brought.id });
const forServices = [
  await codeOf(api.media.setPlan.mutate({ userId: 'eve', plan: 'pro' })),
  await codeOf(api.media.purgeUser.mutate({ userId: 'eve' })),
  await codeOf(api.media.listAudit.query()),
  await codeOf(api.media.getMany.query({ mediaIds: [mediaId] })),
];

const mediaIds = [first, byUrl, brought.id];
const { results } = await api.media.deleteMany.mutate({ mediaIds });

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
  made: [made.status, made.stage, made.progress, made.attempts, again.status, tooLate],
  renditions: media.renditions.map(({ name, width, height }) => [name, width, height]),
  used: usage.used,
  portrait: [portrait.id === mediaId, shown?.id === mediaId],
  post: [attached[0]?.postId, posted[0]?.id === first, detached, ofPost],
  parts: [progress, missingParts, unfinished.map(({ mediaId: id }) => id === byUrl), whole.status, part.nextPart],
  brought: [brought.filename, brought.size === body.length, events.slice(0, 3).map(({ type }) => type)],
  forServices,
  deletedMany: results.map(({ mediaId: id, success, error }, place) => [id === mediaIds[place], success, error]),
  deleted,
  left: left.items,
  requests,
});
