/** What a phone on the wire sends and receives by: a UDP socket, or TCP connections of both sides' making. */
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { connect, createServer, type Server, type Socket } from 'node:net';

export interface Wire {
  readonly name: 'UDP' | 'TCP';
  /** Where it listens. */
  readonly port: number;
  /** `port`: what an answer to the message is sent to. */
  onMessage(listener: (text: string, port: number) => void): void;
  send(text: string, port: number): void;
  /** Ends the connections. */
  hangUp(): Promise<void>;
  close(): void;
}

export class UdpWire implements Wire {
  readonly name = 'UDP';
  readonly #socket: UdpSocket;

  private constructor(socket: UdpSocket) {
    this.#socket = socket;
  }

  static async open(): Promise<UdpWire> {
    const socket = createSocket('udp4');
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
    return new UdpWire(socket);
  }

  get port(): number {
    return this.#socket.address().port;
  }

  onMessage(listener: (text: string, port: number) => void): void {
    this.#socket.on('message', (data, from) => {
      if (data.length > 4) listener(data.toString('utf8'), from.port);
    });
  }

  send(text: string, port: number): void {
    this.#socket.send(text, port, '127.0.0.1');
  }

  hangUp(): Promise<void> {
    return Promise.resolve();
  }

  close(): void {
    this.#socket.close();
  }
}

/** Messages go over the connection to the port that is there already, else over one of its own. */
export class TcpWire implements Wire {
  readonly name = 'TCP';
  readonly #server: Server;
  readonly #connections = new Map<number, Socket>();
  #listener: (text: string, port: number) => void = () => undefined;

  private constructor(server: Server) {
    this.#server = server;
    server.on('connection', (socket) => this.#take(socket.remotePort ?? 0, socket));
  }

  static async open(): Promise<TcpWire> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new TcpWire(server);
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  onMessage(listener: (text: string, port: number) => void): void {
    this.#listener = listener;
  }

  send(text: string, port: number): void {
    const connection = this.#connections.get(port) ?? this.#take(port, connect(port, '127.0.0.1'));
    connection.write(text);
  }

  async hangUp(): Promise<void> {
    const connections = [...this.#connections.values()];
    const gone = connections.map((socket) => new Promise((resolve) => socket.once('close', resolve)));
    for (const socket of connections) socket.end();
    await Promise.all(gone);
  }

  close(): void {
    for (const socket of this.#connections.values()) socket.destroy();
    this.#server.close();
  }

  #take(port: number, socket: Socket): Socket {
    this.#connections.set(port, socket);
    let buffer = '';
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => {
      buffer += chunk;
      for (let length = wholeMessage(buffer); length > 0; length = wholeMessage(buffer)) {
        const message = buffer.slice(0, length);
        buffer = buffer.slice(length);
        if (message.trim() !== '') this.#listener(message, port);
      }
    });
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      if (this.#connections.get(port) === socket) this.#connections.delete(port);
    });
    return socket;
  }
}

/** Characters of the first whole message (RFC 3261 section 18.3), of a keep-alive too; 0: there is more to come. */
function wholeMessage(text: string): number {
  const blank = /^(?:\r\n)+/.exec(text)?.[0].length ?? 0;
  if (blank > 0) return blank;
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return 0;
  const length = end + 4 + Number(/^content-length\s*:\s*(\d+)/im.exec(text.slice(0, end))?.[1] ?? 0);
  return text.length < length ? 0 : length;
}
