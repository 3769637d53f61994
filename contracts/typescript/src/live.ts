import type { TRPCClient, TRPCClientError } from '@trpc/client';
import { ErrorCode, type AppRouter, type Media, type MediaEvent, type MediaProcedures, type Stage } from 'mediarpc';
import type { Cursor, EventId, MediaId } from 'mediarpc';

type ListInput = MediaProcedures.ListMedia.Input;

/** Which media, as `media.listMedia` takes it; `limit` is the length of a page. */
export type LiveMediaOptions = Pick<ListInput, 'type' | 'status' | 'purpose' | 'owner' | 'limit'>;

/** A media, with the step that the server is at and its progress in percent. */
export type LiveItem = Media & { stage: Stage | null; progress: number | null };

/** A list as it is now; another object whenever something has changed. */
export interface LiveList {
  /** Newest first, without gaps and without repetitions. */
  items: readonly LiveItem[];
  /** Whether `more` brings another page. */
  hasMore: boolean;
  isLoading: boolean;
  /** Why a page could not be had, or why changes are heard no more; null when all is well. */
  error: Error | null;
}

/** A list of media that follows what happens to them. */
export interface LiveMedia {
  /** Calls `listener` whenever the list has changed; the answer ends that. Fits `useSyncExternalStore`. */
  subscribe: (listener: () => void) => () => void;
  snapshot: () => LiveList;
  /** Loads the next page; the first one is loaded at once. Again after an error. */
  more: () => Promise<void>;
  /** Stops following. */
  close: () => void;
}

/**
 * A list of media, newest first, that follows what happens to them: new ones appear, their processing advances, deleted
 * ones go. Nothing is missed, also while the page is hidden: then the stream is ended, and goes on where it was.
 */
export function liveMedia(api: Pick<TRPCClient<AppRouter>, 'media'>, options: LiveMediaOptions = {}): LiveMedia {
  const list = new List(api, options);
  void list.more();
  return list;
}

class List implements LiveMedia {
  readonly #items = new Map<MediaId, LiveItem>();
  /** The last event of each media that is applied, or is being fetched. */
  readonly #events = new Map<MediaId, EventId>();
  readonly #deleted = new Set<MediaId>();
  readonly #listeners = new Set<() => void>();
  #list: LiveList = { items: [], hasMore: false, isLoading: false, error: null };
  #cursor: Cursor | null = null;
  #oldest: MediaId | undefined;
  #lastEventId: EventId | undefined;
  #loading: Promise<void> | undefined;
  #watching: { unsubscribe(): void } | undefined;
  #isClosed = false;

  constructor(
    readonly api: Pick<TRPCClient<AppRouter>, 'media'>,
    readonly options: LiveMediaOptions,
  ) {
    globalThis.document?.addEventListener('visibilitychange', this.#watchWhileVisible);
  }

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  snapshot = (): LiveList => this.#list;

  more = (): Promise<void> => {
    if (this.#lastEventId !== undefined && this.#cursor === null) return Promise.resolve();
    return (this.#loading ??= this.#load().finally(() => (this.#loading = undefined)));
  };

  close = (): void => {
    this.#isClosed = true;
    globalThis.document?.removeEventListener('visibilitychange', this.#watchWhileVisible);
    this.#watchWhileVisible();
  };

  async #load(): Promise<void> {
    this.#change({ isLoading: true, error: null });
    try {
      const page = await this.api.media.listMedia.query({ ...this.options, cursor: this.#cursor });
      this.#cursor = page.nextCursor;
      this.#oldest = page.items.at(-1)?.id ?? this.#oldest;
      for (const media of page.items) {
        if (!this.#knowsLater(media.id, page.lastEventId)) this.#put({ ...media, stage: null, progress: null });
      }
      this.#lastEventId ??= page.lastEventId;
      this.#change({ isLoading: false, hasMore: page.nextCursor !== null });
      this.#watchWhileVisible();
    } catch (error) {
      this.#change({ isLoading: false, error: error as Error });
    }
  }

  #watchWhileVisible = (): void => {
    const isWanted = !this.#isClosed && globalThis.document?.visibilityState !== 'hidden';
    if (isWanted && !this.#watching && this.#lastEventId !== undefined) this.#watching = this.#watch(this.#lastEventId);
    if (!isWanted) {
      this.#watching?.unsubscribe();
      this.#watching = undefined;
    }
  };

  #watch(lastEventId: EventId): { unsubscribe(): void } {
    const { owner } = this.options;
    return this.api.media.watch.subscribe(owner ? { lastEventId, owner } : { lastEventId }, {
      onData: ({ data: event }) => this.#apply(event),
      onError: (error) => this.#change({ error }),
    });
  }

  #apply({ id, type, mediaId, data }: MediaEvent): void {
    this.#lastEventId = id;
    this.#events.set(mediaId, id);
    const { stage, progress } = data;
    const known = this.#items.get(mediaId);
    if (type === 'media.deleted') this.#remove(mediaId);
    else if (type === 'media.progress') known && this.#put({ ...known, stage, progress });
    else if (type.startsWith('media.')) void this.#fetch(mediaId, id, { stage, progress });
    this.#change({});
  }

  /** Fetch a media after an event of it; what a later event has brought meanwhile stays. */
  async #fetch(mediaId: MediaId, after: EventId, step: Pick<LiveItem, 'stage' | 'progress'>): Promise<void> {
    try {
      const { media } = await this.api.media.getMedia.query({ mediaId });
      const isLatest = this.#events.get(mediaId) === after;
      if (isLatest || (!this.#items.has(mediaId) && !this.#deleted.has(mediaId))) this.#put({ ...media, ...step });
      this.#change({});
    } catch (error) {
      if (isNotFound(error)) this.#remove(mediaId);
      this.#change(isNotFound(error) ? {} : { error: error as Error });
    }
  }

  #remove(mediaId: MediaId): void {
    this.#deleted.add(mediaId);
    this.#items.delete(mediaId);
  }

  /** Keep what belongs into the list as far as it is loaded; what is older comes with its page. */
  #put(item: LiveItem): void {
    const isBeyond = this.#cursor !== null && this.#oldest !== undefined && item.id < this.#oldest;
    if (matches(item, this.options) && !isBeyond) this.#items.set(item.id, item);
    else this.#items.delete(item.id);
  }

  #knowsLater(mediaId: MediaId, than: EventId): boolean {
    return BigInt(this.#events.get(mediaId) ?? 0) > BigInt(than);
  }

  #change(change: Partial<LiveList>): void {
    const items = [...this.#items.values()].sort((one, other) => (one.id < other.id ? 1 : -1));
    this.#list = { ...this.#list, ...change, items };
    this.#listeners.forEach((listener) => listener());
  }
}

/** Whether `media.listMedia` would answer a media. */
function matches(media: Media, { type, status, purpose = 'post' }: LiveMediaOptions): boolean {
  const isOfPurpose = purpose === 'any' || media.purpose === purpose;
  const isInState = status ? media.status === status : media.status !== 'pending';
  return isOfPurpose && isInState && (!type || media.type === type);
}

function isNotFound(error: unknown): boolean {
  return (error as TRPCClientError<AppRouter>).data?.rpcCode === ErrorCode.NOT_FOUND;
}
