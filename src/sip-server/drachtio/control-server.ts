/** Listens for applications: framing, authentication, limits; what they ask for is carried out by `Commands`. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { ControlClient } from './clients.ts';
import { FrameReader, FramingError, MAX_FRAME, encodeFrame } from './framing.ts';
import { replyHead } from './wire.ts';

export type Log = (level: 'debug' | 'info' | 'warn' | 'error', message: string) => void;

/** A fault of ours, met with one message or timer: told, and survived. */
export function logFault(log: Log, error: unknown): void {
  log('error', `internal fault: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
}

/** A fault of the client against the protocol: it is told `NO|text` and disconnected. */
export class ProtocolFault extends Error {
  constructor(text: string) {
    super(text);
    this.name = 'ProtocolFault';
  }
}

export interface Commands {
  /** What follows `OK|` in the answer to authenticate. */
  greeting(): string;
  connected(client: ControlClient): void;
  /** One frame: its tokens, and the octets behind the first CRLF. Throws ProtocolFault. */
  command(client: ControlClient, tokens: readonly string[], message: Buffer): void;
  disconnected(client: ControlClient): void;
}

export interface ControlOptions {
  readonly host: string;
  readonly port: number;
  readonly secret: string;
  readonly log: Log;
  readonly commands: Commands;
  readonly maxClients?: number;
  /** ms from connection to authentication */
  readonly authTimeoutMs?: number;
}

const MAX_CLIENTS = 256;
const AUTH_TIMEOUT_MS = 10_000;
/** An authenticate frame is short; nobody unknown makes us hold more. */
const MAX_FRAME_BEFORE_AUTH = 2048;
const MAX_TAGS = 20;
const TAG = /^[a-zA-Z0-9\-_+@:]{1,32}$/;

export class ControlServer {
  readonly #options: ControlOptions;
  readonly #secret: Buffer;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #clients = new Set<ControlClient>();
  #nextId = 1;
  #closed = false;

  constructor(options: ControlOptions) {
    this.#options = options;
    this.#secret = digest(options.secret);
    this.#server = createServer({ noDelay: true, keepAlive: true }, (socket) => this.#accept(socket));
  }

  get clients(): number {
    return this.#clients.size;
  }

  async listen(): Promise<{ host: string; port: number }> {
    const { host, port } = this.#options;
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, host, () => {
        this.#server.off('error', reject);
        resolve();
      });
    });
    this.#server.on('error', (error) => this.#options.log('error', `control server: ${error.message}`));
    const address = this.#server.address() as AddressInfo;
    return { host: address.address, port: address.port };
  }

  #accept(socket: Socket): void {
    const peer = `${socket.remoteAddress ?? '?'}:${socket.remotePort ?? 0}`;
    socket.on('error', (error) => this.#options.log('debug', `control client ${peer}: ${error.message}`));
    if (this.#closed || this.#sockets.size >= (this.#options.maxClients ?? MAX_CLIENTS)) {
      this.#options.log('warn', `control client ${peer} refused: too many`);
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    new Connection(socket, peer, this.#options, this.#secret, {
      authenticated: (tags) => {
        const client = new ControlClient(this.#nextId++, socket, tags);
        this.#clients.add(client);
        this.#options.log('info', `control client ${client.id} connected from ${peer}`);
        this.#options.commands.connected(client);
        return client;
      },
      gone: (client) => {
        this.#sockets.delete(socket);
        if (client === undefined) return;
        this.#clients.delete(client);
        this.#options.log('info', `control client ${client.id} disconnected`);
        this.#options.commands.disconnected(client);
        client.close((error) => logFault(this.#options.log, error));
      },
    });
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

interface ConnectionEvents {
  authenticated(tags: readonly string[]): ControlClient;
  gone(client: ControlClient | undefined): void;
}

class Connection {
  readonly #socket: Socket;
  readonly #peer: string;
  readonly #options: ControlOptions;
  readonly #secret: Buffer;
  readonly #events: ConnectionEvents;
  readonly #reader = new FrameReader(MAX_FRAME_BEFORE_AUTH);
  #client: ControlClient | undefined;
  #ended = false;

  constructor(socket: Socket, peer: string, options: ControlOptions, secret: Buffer, events: ConnectionEvents) {
    this.#socket = socket;
    this.#peer = peer;
    this.#options = options;
    this.#secret = secret;
    this.#events = events;
    const late = setTimeout(() => socket.destroy(), options.authTimeoutMs ?? AUTH_TIMEOUT_MS);
    socket.on('data', (chunk: Buffer) => {
      this.#data(chunk);
      if (this.#client) clearTimeout(late);
    });
    socket.on('close', () => {
      clearTimeout(late);
      this.#ended = true;
      this.#events.gone(this.#client);
    });
  }

  #data(chunk: Buffer): void {
    if (this.#ended) return;
    try {
      this.#reader.push(chunk);
      for (let frame = this.#reader.next(); frame && !this.#ended; frame = this.#reader.next()) this.#frame(frame);
    } catch (error) {
      if (!(error instanceof FramingError)) throw error;
      this.#options.log('warn', `control client ${this.#peer}: ${error.message}`);
      this.#end();
    }
  }

  #frame(payload: Buffer): void {
    const lineEnd = payload.indexOf('\r\n');
    const tokens = payload.toString('utf8', 0, lineEnd < 0 ? payload.length : lineEnd).split('|');
    const message = lineEnd < 0 ? Buffer.alloc(0) : payload.subarray(lineEnd + 2);
    try {
      if (tokens.length < 2 || tokens[0] === '') throw new ProtocolFault('invalid message');
      if (this.#client) this.#options.commands.command(this.#client, tokens, message);
      else this.#authenticate(tokens);
    } catch (error) {
      if (!(error instanceof ProtocolFault)) {
        logFault(this.#options.log, error);
        this.#client?.reply(tokens[0] ?? '', 'NOK|Server error: internal fault');
        return;
      }
      this.#options.log('warn', `control client ${this.#peer}: ${error.message}`);
      this.#client?.flush();
      this.#write(tokens[0] ?? '', `NO|${error.message}`);
      this.#end();
    }
  }

  #authenticate(tokens: readonly string[]): void {
    const [id = '', type, secret = '', list = ''] = tokens;
    if (type !== 'authenticate') throw new ProtocolFault('not authenticated');
    if (!timingSafeEqual(digest(secret), this.#secret)) throw new ProtocolFault('incorrect secret');
    const tags = list === '' ? [] : list.split(',');
    if (tags.length > MAX_TAGS || !tags.every((tag) => TAG.test(tag))) throw new ProtocolFault('invalid tags');
    this.#client = this.#events.authenticated(tags);
    this.#reader.allow(MAX_FRAME);
    this.#client.reply(id, `OK|${this.#options.commands.greeting()}`);
  }

  #write(to: string, text: string): void {
    this.#socket.write(encodeFrame(replyHead(to, text)));
  }

  #end(): void {
    this.#ended = true;
    this.#socket.destroySoon();
  }
}

/** Of one length whatever the secret's, so that the comparison takes one time. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
