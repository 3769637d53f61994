import type { Media, ProcessingStatus } from 'mediarpc';
import { call } from './call.js';
import { MediaProcessingError } from './errors.js';
import { pause, retrying } from './retry.js';
import type { Uploading } from './upload.js';

/** How far the server is with making the media's renditions. */
export type ProcessingProgress = Pick<ProcessingStatus, 'stage' | 'progress'>;

const FIRST_WAIT = 300; // milliseconds
const LONGEST_WAIT = 5000; // milliseconds
const GROWTH = 1.5;

/** The media once it is ready. Rejects with MediaProcessingError when it failed. */
export async function ready(uploading: Uploading, uploaded: Media): Promise<Media> {
  const media = uploaded.status === 'processing' ? await processed(uploading, uploaded) : uploaded;
  if (media.error) throw new MediaProcessingError(media, media.error);
  return media;
}

async function processed({ endpoint, retries, options }: Uploading, { id: mediaId }: Media): Promise<Media> {
  const { signal } = options;
  const tell = telling(options.onProcessing);
  for (let wait = FIRST_WAIT; ; wait = Math.min(wait * GROWTH, LONGEST_WAIT)) {
    await pause(wait, signal);
    const ask = () => call(endpoint, 'media.getProcessingStatus', { mediaId }, signal);
    const { status, stage, progress } = await retrying(ask, retries, signal);
    if (status !== 'processing') break;
    tell({ stage, progress });
  }
  return (await retrying(() => call(endpoint, 'media.getMedia', { mediaId }, signal), retries, signal)).media;
}

/** What tells each progress that differs from the one before. */
function telling(tell: ((progress: ProcessingProgress) => void) | undefined): (progress: ProcessingProgress) => void {
  let last: ProcessingProgress | undefined;
  return (progress) => {
    if (last?.stage === progress.stage && last.progress === progress.progress) return;
    last = progress;
    tell?.(progress);
  };
}
