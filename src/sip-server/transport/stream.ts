/** One TCP or TLS connection: framing, keep-alives, time limits. */
import type { Socket } from 'node:net';
import { StreamFramer } from '../message/index.ts';
import type { Connection, ConnectionHandlers } from './connection.ts';
import { TransportError, transportError } from './errors.ts';
import { describe } from './address.ts';
import type { TransportLimits } from './limits.ts';
import type { Flow } from './types.ts';

const PONG = Buffer.from('\r\n');
/** How long a connection that we end may take to say goodbye. */
const END_MS = 2000;

export class StreamConnection implements Connection {
  readonly id: string;
  readonly flow: Flow;
  readonly #socket: Socket;
  readonly #handlers: ConnectionHandlers;
  readonly #limits: TransportLimits;
  readonly #framer: StreamFramer;
  /** Until the message that has begun (or the first one) must be there, or until the goodbye. */
  #deadline: NodeJS.Timeout | undefined;

  /** `incoming`: the peer opened it and has to send something soon. */
  constructor(socket: Socket, flow: Flow, incoming: boolean, handlers: ConnectionHandlers, limits: TransportLimits) {
    this.id = flow.connection ?? '';
    this.flow = flow;
    this.#socket = socket;
    this.#handlers = handlers;
    this.#limits = limits;
    this.#framer = new StreamFramer({ maxBytes: limits.maxMessageBytes, onPing: () => this.#pong() });
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 60_000);
    socket.setTimeout(limits.idleSeconds * 1000, () => socket.destroy());
    if (incoming) this.#arm(limits.messageSeconds * 1000);
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      clearTimeout(this.#deadline);
      this.#handlers.onClosed(this);
    });
  }

  send(octets: Buffer): Promise<void> {
    const socket = this.#socket;
    if (!socket.writable) return Promise.reject(new TransportError('closed', describe(this.flow)));
    if (socket.writableLength + octets.length > this.#limits.sendQueueBytes) {
      this.destroy();
      return Promise.reject(new TransportError('busy', `${describe(this.flow)} does not read`));
    }
    return new Promise((done, fail) => {
      socket.write(octets, (error) => (error ? fail(transportError(error, describe(this.flow))) : done()));
    });
  }

  end(): void {
    this.#arm(END_MS);
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    if (this.#framer.fault || this.#socket.destroyed) return;
    for (const frame of this.#framer.push(chunk)) {
      clearTimeout(this.#deadline);
      this.#deadline = undefined;
      this.#handlers.onMessage(frame, this);
    }
    if (this.#framer.fault) {
      this.#arm(END_MS); // for an answer that is never read
      this.#handlers.onFault(this.#framer.fault, this.#framer.faultyHead, this);
    } else if (this.#framer.pending > 0 && this.#deadline === undefined) {
      this.#arm(this.#limits.messageSeconds * 1000);
    }
  }

  #arm(ms: number): void {
    clearTimeout(this.#deadline);
    this.#deadline = setTimeout(() => this.#socket.destroy(), ms);
  }

  /** RFC 5626 3.5.1. A peer that has gone meanwhile needs none. */
  #pong(): void {
    if (this.#socket.writable) this.#socket.write(PONG);
  }
}
