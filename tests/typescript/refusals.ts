// Every refusal that a caller can bring about in a moment, one after the other.
import type { MediaId } from 'mediarpc';
import { clientOf, order, say, type Order } from './client.js';
import { told } from './errors.js';

const asked = order<Order & { bad: string }>();
const api = clientOf(asked);
const photo = { filename: 'photo.jpg', contentType: 'image/jpeg', size: 4 };

async function upload(bytes: string): Promise<MediaId> {
  const { mediaId, uploadUrl, method, headers } = await api.media.initiateUpload.mutate(photo);
  await fetch(uploadUrl, { method, headers, body: bytes });
  return mediaId;
}

const { mediaId } = await api.media.initiateUpload.mutate(photo);
const textual = await upload('text');
const calls: (() => Promise<unknown>)[] = [
  () => api.media.getMedia.query({ mediaId: '7' as MediaId }),
  () => api.media.getMedia.query({ mediaId: '00000000-0000-4000-8000-000000000000' as MediaId }),
  () => api.media.completeUpload.mutate({ mediaId }),
  () => api.media.completeUpload.mutate({ mediaId: textual }),
  () => api.media.initiateUpload.mutate({ ...photo, size: 2 ** 30 }),
  () => api.media.initiateUpload.mutate({ filename: 'film.mp4', contentType: 'video/mp4', size: 50 * 2 ** 20 }),
  () => api.media.getDownloadUrl.query({ mediaId }),
  () => api.media.getDownloadUrl.query({ mediaId }),
  () => clientOf({ ...asked, token: '' }).media.getStorageUsage.query(),
  () => clientOf({ ...asked, token: asked.bad }).media.getStorageUsage.query(),
];
const refused: object[] = [];
for (const call of calls) {
  await call().then(
    () => refused.push({ rpcCode: null }),
    (error: unknown) => refused.push(told(error)),
  );
}
say({ refused });
