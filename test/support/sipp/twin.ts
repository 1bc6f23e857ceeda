/**
 * The test's line to a running sipp: its third-party call control socket. The scenario waits for orders with recvCmd:
 * texts with a Call-ID, ended by an escape character. Where a call meets a message that its scenario does not expect,
 * sipp itself sends `internal-cmd: abort_call`.
 */
import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';

const END = '\x1b';

export class Twin {
  readonly port: number;
  readonly #server: Server;
  #socket: Socket | null = null;
  #text = '';

  private constructor(server: Server, port: number, onAbort: (callId: string) => void) {
    this.#server = server;
    this.port = port;
    server.on('connection', (socket) => {
      this.#socket = socket;
      socket.setNoDelay(true);
      socket.on('data', (chunk) => {
        const parts = (this.#text + chunk.toString('latin1')).split(END);
        this.#text = parts.pop() ?? '';
        for (const part of parts) {
          const callId = /^call-id: *(.*?)\r?$/im.exec(part)?.[1];
          if (callId !== undefined && /^internal-cmd: *abort_call/im.test(part)) onAbort(callId);
        }
      });
      socket.on('error', () => socket.destroy());
    });
  }

  static listen(onAbort: (callId: string) => void): Promise<Twin> {
    return new Promise((resolve, reject) => {
      const server = createServer();
      server.once('error', reject);
      server.listen(0, '127.0.0.1', () => {
        const address = server.address();
        if (address === null || typeof address === 'string') reject(new Error('no TCP address'));
        else resolve(new Twin(server, address.port, onAbort));
      });
    });
  }

  get connected(): boolean {
    return this.#socket !== null;
  }

  /** Orders one call of the scenario to do something: `do=NAME`, with further `key=value` lines. */
  order(callId: string, name: string, values: Readonly<Record<string, string>> = {}): void {
    const lines = [`Call-ID: ${callId}`, `do=${name};`, ...Object.entries(values).map(([k, v]) => `${k}=${v};`)];
    this.#socket?.write(`${lines.join('\r\n')}\r\n\r\n${END}`);
  }

  close(): void {
    this.#socket?.destroy();
    this.#server.close();
  }
}
