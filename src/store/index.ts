/**
 * What is kept: timeline, audit and history, in one SQLite file. Records are handed to a thread of their own; those that
 * come while it writes share its next commit (one fsync for all). `durable` tells when everything up to now is on disk.
 */
import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { CallView } from '../call/views.ts';
import type { Archive, AuditEntry, AuditQuery, HistoryQuery, KeptCall, Page } from '../control/archive.ts';
import type { Journal, JournalRecord } from '../control/ports.ts';
import type { Stamped } from './records.ts';
import type { TimelineEntry } from '../control/service.ts';
import type { StoreReply, StoreRequest, WorkerData } from './worker.ts';

export { RESTARTED } from './recover.ts';

export interface StoreOptions {
  /** Made where it is not there. */
  readonly folder: string;
  /** Teams whose supervisors may see a closed call. */
  readonly teamsOf: (call: CallView) => readonly string[];
  readonly log: (level: 'debug' | 'info' | 'warn' | 'error', message: string) => void;
  readonly now?: () => number;
}

export interface Store extends Journal, Archive {
  /** For /health and /metrics. `failing`: why the last write did not succeed. */
  readonly status: { readonly waiting: number; readonly written: number; readonly failing: string | null };
  /** Writes what is waiting, then closes. Idempotent. */
  close(): Promise<void>;
}

const FILE = 'earshot.db';
/** Records of one commit; more wait for the next one. */
const MAX_BATCH = 2000;
/** Before a write that has failed is tried again, ms. */
const RETRY_MS = 1000;
/** Beyond this many waiting records (the disk has been full for long) new ones are refused. */
const MAX_WAITING = 500_000;

/** Rejects where the file cannot be opened: another server has it, it is damaged, the folder is not writable. */
export async function openStore(options: StoreOptions): Promise<Store> {
  mkdirSync(options.folder, { recursive: true });
  const now = new Date((options.now ?? Date.now)()).toISOString();
  const data: WorkerData = { path: join(options.folder, FILE), now };
  const thread = new Thread(data);
  try {
    await thread.ready;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const hint = /locked|busy/i.test(reason) ? ' (another Earshot is running with this folder)' : '';
    throw new Error(`${data.path} cannot be opened: ${reason}${hint}`, { cause: error });
  }
  return new SqliteStore(options, thread);
}

/** Requests to the thread and their replies; all are rejected when it ends. */
class Thread {
  readonly ready: Promise<unknown>;
  readonly #worker: Worker;
  readonly #pending = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  #lastId = 0;
  #ended: Error | null = null;

  constructor(data: WorkerData) {
    this.#worker = new Worker(new URL('./worker.ts', import.meta.url), {
      workerData: data,
      execArgv: ['--disable-warning=ExperimentalWarning'],
    });
    this.ready = new Promise((resolve, reject) => this.#pending.set(0, { resolve, reject }));
    this.#worker.on('message', ({ id, value, error }: StoreReply) => {
      const request = this.#pending.get(id);
      this.#pending.delete(id);
      if (error === undefined) request?.resolve(value);
      else request?.reject(new Error(error));
    });
    this.#worker.on('error', (error) => {
      this.#end(error instanceof Error ? error : new Error(String(error)));
    });
    this.#worker.on('exit', () => {
      this.#end(new Error('the thread of the database has ended'));
    });
  }

  request(request: StoreRequest): Promise<unknown> {
    if (this.#ended !== null) return Promise.reject(this.#ended);
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.#worker.postMessage({ id, request });
    });
  }

  async close(): Promise<void> {
    if (this.#ended === null) await this.request({ type: 'close' });
    await this.#worker.terminate();
  }

  #end(error: Error): void {
    this.#ended ??= error;
    for (const { reject } of this.#pending.values()) reject(this.#ended);
    this.#pending.clear();
  }
}

class SqliteStore implements Store {
  readonly #options: StoreOptions;
  readonly #thread: Thread;
  #waiting: Stamped[] = [];
  /** The batch that is being written. */
  #writing: readonly Stamped[] = [];
  #scheduled = false;
  #appended = 0;
  #written = 0;
  #failing: string | null = null;
  #retry: NodeJS.Timeout | null = null;
  #waiters: { readonly upTo: number; resolve: () => void; reject: (error: Error) => void }[] = [];
  #closing: Promise<void> | null = null;

  constructor(options: StoreOptions, thread: Thread) {
    this.#options = options;
    this.#thread = thread;
  }

  append(record: JournalRecord): void {
    if (this.#closing !== null) throw new Error('the store is closed');
    if (this.#waiting.length >= MAX_WAITING) throw new Error('too many records wait for the disk');
    const teams = record.kind === 'call' ? this.#options.teamsOf(record.call) : [];
    this.#waiting.push({ id: idOf(record), record, teams });
    this.#appended++;
    this.#schedule();
  }

  durable(): Promise<void> {
    if (this.#written >= this.#appended) return Promise.resolve();
    if (this.#failing !== null) return Promise.reject(new Error(`records cannot be written: ${this.#failing}`));
    return new Promise((resolve, reject) => this.#waiters.push({ upTo: this.#appended, resolve, reject }));
  }

  history(query: HistoryQuery): Promise<Page<CallView>> {
    return this.#read({ type: 'history', query });
  }

  audit(query: AuditQuery): Promise<Page<AuditEntry>> {
    return this.#read({ type: 'audit', query });
  }

  call(callId: string): Promise<KeptCall | null> {
    return this.#read({ type: 'call', callId });
  }

  timeline(callId: string): Promise<readonly TimelineEntry[]> {
    return this.#read({ type: 'timeline', callId });
  }

  get status(): Store['status'] {
    return { waiting: this.#appended - this.#written, written: this.#written, failing: this.#failing };
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    try {
      await this.durable();
    } catch (error) {
      this.#options.log('error', `store: ${this.#appended - this.#written} records are lost: ${String(error)}`);
    }
    if (this.#retry !== null) clearTimeout(this.#retry);
    await this.#thread.close();
  }

  /** What the thread answers is what `Database` returns for the request. */
  async #read<T>(request: StoreRequest): Promise<T> {
    if (this.#closing !== null) throw new Error('the store is closed');
    // A read sees the records that were appended before it.
    if (this.#failing === null) await this.durable();
    return (await this.#thread.request(request)) as T;
  }

  /** Records of one turn of the event loop go together, and so do all that come while a commit is under way. */
  #schedule(): void {
    if (this.#scheduled || this.#writing.length > 0 || this.#waiting.length === 0 || this.#retry !== null) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#write();
    });
  }

  #write(): void {
    if (this.#writing.length > 0 || this.#waiting.length === 0) return;
    this.#writing = this.#waiting.splice(0, MAX_BATCH);
    this.#thread.request({ type: 'write', batch: this.#writing }).then(
      () => {
        this.#succeeded();
      },
      (error: unknown) => {
        this.#failed(error instanceof Error ? error.message : String(error));
      },
    );
  }

  #succeeded(): void {
    this.#written += this.#writing.length;
    this.#writing = [];
    if (this.#failing !== null) this.#options.log('info', 'store: records are written again');
    this.#failing = null;
    const done = this.#waiters.filter(({ upTo }) => upTo <= this.#written);
    this.#waiters = this.#waiters.filter(({ upTo }) => upTo > this.#written);
    for (const { resolve } of done) resolve();
    this.#schedule();
  }

  /** The batch goes back to the front; its ids keep it from being written twice if it was written after all. */
  #failed(reason: string): void {
    if (this.#failing === null) this.#options.log('error', `store: records cannot be written: ${reason}`);
    this.#failing = reason;
    this.#waiting = [...this.#writing, ...this.#waiting];
    this.#writing = [];
    for (const { reject } of this.#waiters.splice(0)) reject(new Error(`records cannot be written: ${reason}`));
    if (this.#closing !== null) return;
    this.#retry = setTimeout(() => {
      this.#retry = null;
      this.#write();
    }, RETRY_MS);
  }
}

/** The end of a supervision and of a call exist once each; everything else is a record of its own. */
function idOf(record: JournalRecord): string {
  if (record.kind === 'call') return `${record.call.id} call`;
  if (record.kind === 'audit' && record.event !== 'updated') {
    return `${record.supervision.id} ${record.event}`;
  }
  return randomUUID();
}
