/** One WebSocket connection (RFC 7118): each WebSocket message is one SIP message. */
import { isUtf8 } from 'node:buffer';
import type { RawData, WebSocket } from 'ws';
import type { Connection, ConnectionHandlers } from './connection.ts';
import { TransportError, transportError } from './errors.ts';
import { describe } from './address.ts';
import { isKeepAlive } from './keepalive.ts';
import type { TransportLimits } from './limits.ts';
import type { Flow } from './types.ts';

const PONG = Buffer.from('\r\n');
const END_MS = 2000;

export class WebSocketConnection implements Connection {
  readonly id: string;
  readonly flow: Flow;
  readonly #socket: WebSocket;
  readonly #handlers: ConnectionHandlers;
  readonly #limits: TransportLimits;
  readonly #heartbeat: NodeJS.Timeout;
  #deadline: NodeJS.Timeout | undefined;
  #alive = true;
  #lastMessage: number;

  constructor(socket: WebSocket, flow: Flow, incoming: boolean, handlers: ConnectionHandlers, limits: TransportLimits) {
    this.id = flow.connection ?? '';
    this.flow = flow;
    this.#socket = socket;
    this.#handlers = handlers;
    this.#limits = limits;
    this.#lastMessage = Date.now();
    this.#heartbeat = setInterval(() => this.#beat(), limits.pingSeconds * 1000);
    if (incoming) this.#deadline = setTimeout(() => this.destroy(), limits.messageSeconds * 1000);
    socket.on('message', (data: RawData) => this.#read(data));
    socket.on('pong', () => (this.#alive = true));
    socket.on('error', () => this.destroy());
    socket.on('close', () => {
      clearInterval(this.#heartbeat);
      clearTimeout(this.#deadline);
      this.#handlers.onClosed(this);
    });
  }

  send(octets: Buffer): Promise<void> {
    const socket = this.#socket;
    if (socket.readyState !== socket.OPEN) return Promise.reject(new TransportError('closed', describe(this.flow)));
    if (socket.bufferedAmount + octets.length > this.#limits.sendQueueBytes) {
      this.destroy();
      return Promise.reject(new TransportError('busy', `${describe(this.flow)} does not read`));
    }
    return new Promise((done, fail) => {
      // text, as browsers' SIP stacks read it; a body that is no UTF-8 goes as binary (RFC 7118 section 5)
      socket.send(octets, { binary: !isUtf8(octets) }, (error) =>
        error ? fail(transportError(error, describe(this.flow))) : done(),
      );
    });
  }

  end(): void {
    clearTimeout(this.#deadline);
    this.#deadline = setTimeout(() => this.destroy(), END_MS);
    this.#socket.close();
  }

  destroy(): void {
    this.#socket.terminate();
  }

  #read(data: RawData): void {
    const octets = Buffer.isBuffer(data) ? data : Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data);
    this.#lastMessage = Date.now();
    if (isKeepAlive(octets)) {
      void this.send(PONG).catch(() => this.destroy());
      return;
    }
    clearTimeout(this.#deadline);
    this.#handlers.onMessage(octets, this);
  }

  #beat(): void {
    if (!this.#alive || Date.now() - this.#lastMessage > this.#limits.idleSeconds * 1000) {
      this.destroy();
      return;
    }
    this.#alive = false;
    this.#socket.ping();
  }
}
