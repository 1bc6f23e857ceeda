/**
 * The thread of the database: carries out one request after the other, in the order in which they come, so that a read
 * sees what was written before it.
 */
import { parentPort, workerData } from 'node:worker_threads';
import type { AuditQuery, HistoryQuery } from '../control/archive.ts';
import { Database } from './database.ts';
import type { Stamped } from './records.ts';

export type StoreRequest =
  | { readonly type: 'write'; readonly batch: readonly Stamped[] }
  | { readonly type: 'history'; readonly query: HistoryQuery }
  | { readonly type: 'audit'; readonly query: AuditQuery }
  | { readonly type: 'call' | 'timeline'; readonly callId: string }
  | { readonly type: 'close' };

export type StoreReply =
  | { readonly id: number; readonly value: unknown; readonly error?: never }
  | { readonly id: number; readonly error: string; readonly value?: never };

/** Given to the thread when it is started. */
export interface WorkerData {
  readonly path: string;
  readonly now: string;
}

function carryOut(database: Database, request: StoreRequest): unknown {
  switch (request.type) {
    case 'write':
      database.write(request.batch);
      return null;
    case 'history':
      return database.history(request.query);
    case 'audit':
      return database.audit(request.query);
    case 'call':
      return database.call(request.callId);
    case 'timeline':
      return database.timeline(request.callId);
    case 'close':
      database.close();
      return null;
  }
}

function main(): void {
  const port = parentPort;
  if (port === null) throw new Error('worker.ts runs in a worker thread only');
  const { path, now } = workerData as WorkerData;
  // An error here ends the thread; whoever opens the store is told by it.
  const database = new Database(path, now);
  port.on('message', ({ id, request }: { id: number; request: StoreRequest }) => {
    let reply: StoreReply;
    try {
      reply = { id, value: carryOut(database, request) };
    } catch (error) {
      reply = { id, error: error instanceof Error ? error.message : String(error) };
    }
    port.postMessage(reply);
    if (request.type === 'close') port.close();
  });
  port.postMessage({ id: 0, value: null } satisfies StoreReply);
}

main();
