/** A SIP peer made of bare sockets: sends what it is told, keeps what it gets, and acknowledges failures of INVITEs. */
import { createSocket } from 'node:dgram';
import type { Socket as UdpSocket } from 'node:dgram';
import { connect, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';

const HOST = '127.0.0.1';

function acknowledgement(response: string): string | undefined {
  const status = /^SIP\/2\.0 ([3-6]\d\d)/.exec(response);
  const cseq = /^CSeq:\s*(\d+) INVITE/im.exec(response);
  if (!status || !cseq) return undefined;
  const kept = response.split('\r\n').filter((line) => /^(Via|From|To|Call-ID):/i.test(line));
  const head = `ACK sip:server@${HOST} SIP/2.0\r\n${kept.join('\r\n')}`;
  return `${head}\r\nCSeq: ${cseq[1]} ACK\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n`;
}

/** A CANCEL is answered, as every UAS does it. */
function accepted(cancel: string): string | undefined {
  if (!cancel.startsWith('CANCEL ')) return undefined;
  const kept = cancel.split('\r\n').filter((line) => /^(Via|From|To|Call-ID|CSeq):/i.test(line));
  return `SIP/2.0 200 OK\r\n${kept.join('\r\n')}\r\nContent-Length: 0\r\n\r\n`;
}

export class Peer {
  readonly port: number;
  readonly received: string[] = [];
  readonly #udp: UdpSocket;
  readonly #tcp: Server;
  readonly #sockets = new Set<Socket>();
  #stream: Socket | undefined;
  #waiting: (() => void)[] = [];

  private constructor(udp: UdpSocket, tcp: Server) {
    this.port = udp.address().port;
    this.#udp = udp;
    this.#tcp = tcp;
    udp.on('message', (octets) => this.#take(octets.toString(), (text) => udp.send(text, this.serverPort, HOST)));
    tcp.on('connection', (socket) => this.#adopt(socket));
  }

  /** Of the server, UDP and TCP. */
  serverPort = 0;

  static async open(): Promise<Peer> {
    for (;;) {
      const udp = createSocket('udp4');
      await new Promise<void>((resolve) => udp.bind(0, HOST, resolve));
      const tcp = createServer();
      const free = await new Promise<boolean>((resolve) => {
        tcp.once('error', () => resolve(false));
        tcp.listen(udp.address().port, HOST, () => resolve(true));
      });
      if (free) return new Peer(udp, tcp);
      udp.close();
    }
  }

  #adopt(socket: Socket): void {
    this.#sockets.add(socket);
    this.#stream = socket;
    socket.on('error', () => undefined);
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('data', (octets: Buffer) => {
      for (const text of octets.toString().split(/(?<=\r\n\r\n)(?=[A-Z]+ sip:|SIP\/2\.0)/)) {
        this.#take(text, (reply) => socket.write(reply));
      }
    });
  }

  #take(text: string, reply: (text: string) => void): void {
    const answer = acknowledgement(text) ?? accepted(text);
    if (answer !== undefined) reply(answer);
    this.received.push(text);
    for (const wake of this.#waiting.splice(0)) wake();
  }

  /** Sends over UDP, or over the TCP connection that there is or that is opened now. */
  async send(text: string, protocol: 'udp' | 'tcp'): Promise<number> {
    if (protocol === 'udp') this.#udp.send(text, this.serverPort, HOST);
    else (await this.#connected()).write(text);
    return Buffer.byteLength(text);
  }

  async #connected(): Promise<Socket> {
    if (this.#stream && !this.#stream.destroyed) return this.#stream;
    const socket = connect({ port: this.serverPort, host: HOST });
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    this.#adopt(socket);
    return socket;
  }

  /** Where the server sees us. */
  localPort(protocol: 'udp' | 'tcp'): number {
    return protocol === 'udp' ? this.port : (this.#stream?.localPort ?? this.port);
  }

  /** The first message, now or later, that `wanted` is true of; it is taken out. */
  async message(wanted: (text: string) => boolean): Promise<string> {
    for (;;) {
      const at = this.received.findIndex(wanted);
      if (at >= 0) return this.received.splice(at, 1)[0]!;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  close(): void {
    this.#udp.close();
    this.#tcp.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}
