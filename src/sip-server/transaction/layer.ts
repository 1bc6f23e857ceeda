/** All transactions of one server: matching (17.1.3, 17.2.3), merged requests (8.2.2.2), limits. */
import { SipParseError } from '../message/errors.ts';
import { parseCSeq, parseNameAddr, parseVia, tagOf, formatVia } from '../message/fields.ts';
import { header, headerValues, withFirstValue } from '../message/headers.ts';
import { BRANCH_COOKIE } from '../message/ids.ts';
import { responseTo } from '../message/response.ts';
import { param, withParam } from '../message/scan.ts';
import { serialize } from '../message/serialize.ts';
import type { SipRequest, SipResponse, Via } from '../message/types.ts';
import { bareHost, formatHostPort } from '../message/uri.ts';
import type { Flow, Received } from '../transport/types.ts';
import type { Clock } from './clock.ts';
import { ClientTransaction } from './client-transaction.ts';
import type { ClientUser, Probe } from './client-transaction.ts';
import type { Send } from './driver.ts';
import { ServerTransaction } from './server-transaction.ts';

/** The transaction user (RFC 3261 section 5). */
export interface TransactionUser {
  /** A new request; neither ACK nor CANCEL. */
  request(transaction: ServerTransaction): void;
  /** An ACK that no transaction here consumes: it is for a 2xx. */
  ack(request: SipRequest, received: Received): void;
  /** A response to nothing that is known (any more). */
  strayResponse(response: SipResponse, received: Received): void;
}

export interface LayerOptions {
  readonly clock: Clock;
  readonly send: Send;
  readonly user: TransactionUser;
  readonly probe?: Probe;
  /** New requests beyond this many open server transactions are answered 503. */
  readonly maxServerTransactions?: number;
}

/** Most are held for 32 s after their answer. */
const MAX_SERVER_TRANSACTIONS = 100_000;

export class TransactionLayer {
  readonly #options: LayerOptions;
  readonly #limit: number;
  readonly #servers = new Map<string, ServerTransaction>();
  readonly #clients = new Map<string, ClientTransaction>();
  /** Requests outside dialogs by Call-ID, From tag and CSeq. */
  readonly #merge = new Map<string, ServerTransaction>();
  readonly #byConnection = new Map<string, Set<ServerTransaction | ClientTransaction>>();
  #closed = false;

  constructor(options: LayerOptions) {
    this.#options = options;
    this.#limit = options.maxServerTransactions ?? MAX_SERVER_TRANSACTIONS;
  }

  get count(): number {
    return this.#servers.size + this.#clients.size;
  }

  receive(received: Received): void {
    if (this.#closed) return;
    const { message } = received;
    if (message.kind === 'response') this.#response(message, received);
    else this.#request(message, received);
  }

  #response(response: SipResponse, received: Received): void {
    const via = topVia(response);
    const cseq = readCSeq(response);
    const branch = via && param(via.params, 'branch');
    if (branch === undefined || cseq === undefined) return;
    const client = this.#clients.get(`${branch}|${cseq.method}`);
    if (client) client.receive(response, received);
    else this.#options.user.strayResponse(response, received);
  }

  #request(raw: SipRequest, original: Received): void {
    const via = topVia(raw);
    if (via === undefined) return;
    const request = stamped(raw, via, original.flow);
    const received: Received = { ...original, message: request };
    const key = serverKey(request, via);
    if (request.method === 'ACK') {
      const invite = this.#servers.get(`${key}|INVITE`);
      if (invite?.acknowledged(request, received) !== true) this.#ackWithout(invite, request, received);
      return;
    }
    const known = this.#servers.get(`${key}|${request.method}`);
    if (known) known.retransmitted(received);
    else if (this.#servers.size >= this.#limit) this.#stateless(request, received.flow, 503);
    else if (request.method === 'CANCEL') this.#cancel(key, request, received);
    else this.#begin(`${key}|${request.method}`, request, received);
  }

  /** A repeated ACK for a failure is absorbed; any other is for a 2xx. */
  #ackWithout(invite: ServerTransaction | undefined, request: SipRequest, received: Received): void {
    if (invite === undefined || invite.state === 'accepted') this.#options.user.ack(request, received);
  }

  #begin(key: string, request: SipRequest, received: Received): void {
    const merge = mergeKey(request);
    if (merge !== undefined && this.#merge.has(merge)) {
      this.#stateless(request, received.flow, 482);
      return;
    }
    const transaction = this.#server(key, request, received, merge);
    this.#options.user.request(transaction);
  }

  #server(key: string, request: SipRequest, received: Received, merge?: string): ServerTransaction {
    const transaction: ServerTransaction = new ServerTransaction(request, received, {
      clock: this.#options.clock,
      send: this.#options.send,
      ended: () => {
        this.#servers.delete(key);
        if (merge !== undefined) this.#merge.delete(merge);
        this.#untie(received.flow.connection, transaction);
      },
    });
    this.#servers.set(key, transaction);
    if (merge !== undefined) this.#merge.set(merge, transaction);
    this.#tie(received.flow.connection, transaction);
    return transaction;
  }

  /** 9.2: 200 whatever becomes of the INVITE, 481 if there is none. */
  #cancel(key: string, request: SipRequest, received: Received): void {
    const invite = this.#servers.get(`${key}|INVITE`);
    const cancel = this.#server(`${key}|CANCEL`, request, received);
    if (invite === undefined) {
      cancel.reply(481);
      return;
    }
    cancel.toTag = invite.toTag;
    cancel.reply(200);
    if (!invite.answered) invite.user.cancel?.(request, received);
  }

  #stateless(request: SipRequest, flow: Flow, status: number): void {
    const octets = serialize(responseTo(request, status, { toTag: 'stateless' }));
    this.#options.send(octets, flow).catch(() => undefined);
  }

  /** Sends a request that has its Via. Its responses come to `user`, never before this call has returned. */
  send(request: SipRequest, flow: Flow, user: ClientUser): ClientTransaction {
    const via = topVia(request);
    const branch = via && param(via.params, 'branch');
    if (branch === undefined) throw new Error(`${request.method} without a branch`);
    const key = `${branch}|${request.method}`;
    const { probe } = this.#options;
    const transaction: ClientTransaction = new ClientTransaction(request, flow, user, {
      ...(probe === undefined ? {} : { probe }),
      clock: this.#options.clock,
      send: this.#options.send,
      ended: () => {
        this.#clients.delete(key);
        this.#untie(flow.connection, transaction);
      },
    });
    this.#clients.set(key, transaction);
    this.#tie(flow.connection, transaction);
    transaction.start();
    return transaction;
  }

  connectionClosed(connection: string): void {
    const tied = this.#byConnection.get(connection);
    this.#byConnection.delete(connection);
    for (const transaction of tied ?? []) transaction.connectionClosed();
  }

  #tie(connection: string | undefined, transaction: ServerTransaction | ClientTransaction): void {
    if (connection === undefined) return;
    let tied = this.#byConnection.get(connection);
    if (tied === undefined) this.#byConnection.set(connection, (tied = new Set()));
    tied.add(transaction);
  }

  #untie(connection: string | undefined, transaction: ServerTransaction | ClientTransaction): void {
    if (connection === undefined) return;
    const tied = this.#byConnection.get(connection);
    tied?.delete(transaction);
    if (tied?.size === 0) this.#byConnection.delete(connection);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const transaction of [...this.#servers.values(), ...this.#clients.values()]) transaction.abandon();
  }
}

/** 18.2.1 and RFC 3581: where the request came from, written into its top Via, asked for or not (symmetric routing). */
function stamped(request: SipRequest, via: Via, flow: Flow): SipRequest {
  const { host, port } = flow.remote;
  let params = withParam(via.params, 'rport', String(port));
  if (bareHost(via.host) !== host) params = withParam(params, 'received', host);
  return withFirstValue(request, 'Via', formatVia({ ...via, params }));
}

/** 17.2.3; a branch without the cookie comes from an RFC 2543 element and says nothing. */
function serverKey(request: SipRequest, via: Via): string {
  const branch = param(via.params, 'branch') ?? '';
  const sentBy = formatHostPort(via.host, via.port);
  if (branch.startsWith(BRANCH_COOKIE) && branch.length > BRANCH_COOKIE.length) return `${branch}|${sentBy}`;
  const from = header(request, 'from') ?? '';
  return `${header(request, 'call-id') ?? ''}|${from}|${readCSeq(request)?.number ?? 0}|${sentBy}|${branch}`;
}

function mergeKey(request: SipRequest): string | undefined {
  if (tagIn(request, 'to') !== undefined) return undefined;
  return `${header(request, 'call-id') ?? ''}|${tagIn(request, 'from') ?? ''}|${header(request, 'cseq') ?? ''}`;
}

/** Undefined where what should be a Via cannot be read as one. */
function topVia(message: SipRequest | SipResponse): Via | undefined {
  const value = headerValues(message, 'via')[0];
  return value === undefined ? undefined : lenient(() => parseVia(value));
}

function readCSeq(message: SipRequest | SipResponse): { number: number; method: string } | undefined {
  const value = header(message, 'cseq');
  return value === undefined ? undefined : lenient(() => parseCSeq(value));
}

function tagIn(request: SipRequest, name: 'from' | 'to'): string | undefined {
  const value = header(request, name);
  return value === undefined ? undefined : lenient(() => tagOf(parseNameAddr(value)));
}

function lenient<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch (error) {
    if (error instanceof SipParseError) return undefined;
    throw error;
  }
}
