import type { MediaId } from 'mediarpc';
import { createUploader, MediaRpcError, MediaTransportError, type RunningUpload, type UploaderOptions } from './upload.js';
import type { Upload, UploadOptions } from './upload.js';

export { MediaRpcError, MediaTransportError };
export { awsS3Options, type AwsS3Options, type AwsS3OptionsInput } from './s3.js';

/** Unless told otherwise, two files are sent at once (`limit`). */
export interface UppyUploaderOptions extends UploaderOptions, Pick<UploadOptions, 'purpose' | 'owner' | 'sha256'> {}

/** What is needed of an Uppy. */
export interface UppyCore {
  addUploader(uploader: (fileIds: string[]) => Promise<void>): void;
  getFile(id: string): UppyFile | undefined;
  getState(): { capabilities: object };
  setState(patch: { capabilities: any }): void;
  setFileState(id: string, state: any): void;
  on(event: any, listener: any): unknown;
  off(event: any, listener: any): unknown;
  emit(event: any, ...facts: any[]): void;
}

interface UppyFile {
  id: string;
  name: string;
  type: string;
  data: unknown;
  error?: string | null;
  isRestored?: boolean;
  progress: { uploadStarted?: number | null; uploadComplete?: boolean };
  mediaId?: MediaId;
}

/**
 * Make an Uppy send its files with the uploader of `mediarpc/upload`, in place of a plugin: small ones by one PUT, large
 * ones by several parts at once. Storage need not expose its ETags to the page. `response.body` is the media.
 */
export function sendFilesOf(uppy: UppyCore, options: UppyUploaderOptions): void {
  const { limit = 2, purpose, owner, sha256, ...uploader } = options;
  const told = { ...(purpose && { purpose }), ...(owner && { owner }), ...(sha256 !== undefined && { sha256 }) };
  const upload = createUploader({ ...uploader, limit });
  uppy.setState({ capabilities: { ...uppy.getState().capabilities, resumableUploads: true } });
  uppy.addUploader(async (fileIds) => {
    const files = fileIds.map((id) => uppy.getFile(id)).filter((file) => file !== undefined);
    // Uppy knows of those that it restored that they have started.
    uppy.emit('upload-start', files.filter(({ isRestored, progress }) => !progress.uploadStarted || !isRestored));
    const waiting = files.filter(({ error, progress }) => !error && !progress.uploadComplete);
    await Promise.all(waiting.map((file) => sendFile(uppy, upload, file, told)));
  });
}

async function sendFile(uppy: UppyCore, upload: Upload, file: UppyFile, told: UploadOptions): Promise<void> {
  const giving = new AbortController();
  const started = file.progress.uploadStarted ?? Date.now();
  const running = upload(file.data as Blob, {
    ...told,
    filename: file.name,
    contentType: file.type,
    ...(file.mediaId && { resume: file.mediaId }),
    signal: giving.signal,
    onMediaId: (mediaId) => uppy.setFileState(file.id, { mediaId }),
    onProgress: ({ sent, total }) =>
      uppy.emit('upload-progress', file, { uploadStarted: started, bytesUploaded: sent, bytesTotal: total }),
  });
  const forget = obey(uppy, file.id, running, giving);
  try {
    const media = await running;
    uppy.emit('upload-success', file, { status: 200, body: media });
  } catch (error) {
    if (!giving.signal.aborted) uppy.emit('upload-error', file, error);
  } finally {
    forget();
  }
}

/** Let an upload pause, go on and end when Uppy says so; what stops that. */
function obey(uppy: UppyCore, id: string, running: RunningUpload, giving: AbortController): () => void {
  const listeners = {
    'file-removed': (file: UppyFile) => file.id === id && giving.abort(),
    'cancel-all': () => giving.abort(),
    'upload-pause': (file: UppyFile, isPaused: boolean) => file.id === id && (isPaused ? running.pause() : running.resume()),
    'pause-all': () => running.pause(),
    'resume-all': () => running.resume(),
  };
  for (const [event, listener] of Object.entries(listeners)) uppy.on(event, listener);
  return () => {
    for (const [event, listener] of Object.entries(listeners)) uppy.off(event, listener);
  };
}
