/** Frames of the control protocol as a client sees them: reading, writing, and waiting for the next. */
import { connect } from 'node:net';
import type { Socket } from 'node:net';

export interface Frame {
  readonly tokens: readonly string[];
  /** The SIP message behind the first CRLF; undefined if there is none. */
  readonly message: string | undefined;
  readonly text: string;
}

export function parseFrame(text: string): Frame {
  const payload = text.slice(text.indexOf('#') + 1);
  const end = payload.indexOf('\r\n');
  const head = end < 0 ? payload : payload.slice(0, end);
  return { tokens: head.split('|'), message: end < 0 ? undefined : payload.slice(end + 2), text: payload };
}

/** A bare client: no more than frames. */
export class RawClient {
  readonly socket: Socket;
  readonly #frames: Frame[] = [];
  readonly #waiting: ((frame: Frame) => void)[] = [];
  #buffer = Buffer.alloc(0);
  closed = false;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('error', () => undefined);
    socket.on('close', () => (this.closed = true));
    socket.on('data', (chunk: Buffer) => {
      this.#buffer = Buffer.concat([this.#buffer, chunk]);
      for (;;) {
        const hash = this.#buffer.indexOf('#');
        if (hash < 0) return;
        const length = Number(this.#buffer.toString('latin1', 0, hash));
        if (this.#buffer.length < hash + 1 + length) return;
        const frame = parseFrame(this.#buffer.toString('utf8', 0, hash + 1 + length));
        this.#buffer = this.#buffer.subarray(hash + 1 + length);
        const waiting = this.#waiting.shift();
        if (waiting) waiting(frame);
        else this.#frames.push(frame);
      }
    });
  }

  static open(at: { host: string; port: number }): Promise<RawClient> {
    return new Promise((resolve, reject) => {
      const socket = connect(at.port, at.host, () => resolve(new RawClient(socket)));
      socket.once('error', reject);
    });
  }

  send(payload: string): void {
    this.socket.write(`${Buffer.byteLength(payload)}#${payload}`);
  }

  next(): Promise<Frame> {
    const frame = this.#frames.shift();
    if (frame) return Promise.resolve(frame);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Frames that are there and were not asked for. */
  get unread(): readonly Frame[] {
    return this.#frames;
  }

  /** Sends, and gives the answer to it, passing over what comes before. */
  async ask(id: string, rest: string): Promise<Frame> {
    this.send(`${id}|${rest}`);
    for (;;) {
      const frame = await this.next();
      if (frame.tokens[1] === 'response' && frame.tokens[2] === id) return frame;
    }
  }

  /** The next frame of that type (`sip`), passing over others. */
  async nextOf(type: string): Promise<Frame> {
    for (;;) {
      const frame = await this.next();
      if (frame.tokens[1] === type) return frame;
    }
  }

  close(): void {
    this.socket.destroy();
  }
}
