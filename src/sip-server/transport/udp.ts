/** One UDP socket. An error of the socket is told and survived. */
import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { boundPoint, hostPort } from './address.ts';
import { TransportError, transportError } from './errors.ts';
import type { ListenPoint } from './types.ts';

/** The largest UDP payload of IPv4. */
const MAX_DATAGRAM = 65507;
/** Wanted of the system, which may give less: a burst of calls waits here. */
const BUFFER_BYTES = 1 << 20;

export interface UdpHandlers {
  onDatagram(octets: Buffer, remote: { host: string; port: number }): void;
  onError(error: Error): void;
}

export class UdpListener {
  readonly point: ListenPoint;
  readonly #socket: Socket;
  readonly #isV6: boolean;
  #closed: Promise<void> | undefined;

  private constructor(point: ListenPoint, socket: Socket) {
    this.point = point;
    this.#socket = socket;
    this.#isV6 = isIPv6(socket.address().address); // asked once: it is a system call
  }

  /** Rejects with TransportError. */
  static async open(wanted: ListenPoint, handlers: UdpHandlers): Promise<UdpListener> {
    const socket = createSocket({
      type: isIPv6(wanted.host) ? 'udp6' : 'udp4',
      recvBufferSize: BUFFER_BYTES,
      sendBufferSize: BUFFER_BYTES,
    });
    await new Promise<void>((done, fail) => {
      const onError = (error: Error): void => {
        socket.close();
        fail(transportError(error, `udp ${hostPort(wanted)}`));
      };
      socket.once('error', onError);
      socket.bind({ address: wanted.host, port: wanted.port }, () => {
        socket.off('error', onError);
        done();
      });
    });
    socket.on('error', (error) => handlers.onError(error));
    socket.on('message', (octets, from) => handlers.onDatagram(octets, { host: from.address, port: from.port }));
    return new UdpListener(boundPoint(wanted, socket.address()), socket);
  }

  /** `remote.host` is an address. */
  send(octets: Buffer, remote: { readonly host: string; readonly port: number }): Promise<void> {
    const to = `udp ${hostPort(remote)}`;
    if (this.#closed) return Promise.reject(new TransportError('closed', to));
    if (octets.length > MAX_DATAGRAM) return Promise.reject(new TransportError('too_large', to));
    return new Promise((done, fail) => {
      try {
        this.#socket.send(octets, remote.port, this.#socketForm(remote.host), (error) =>
          error ? fail(transportError(error, to)) : done(),
        );
      } catch (error) {
        fail(transportError(error, to)); // a port out of range is thrown, not called back
      }
    });
  }

  /** A socket for both families wants IPv4 within IPv6. */
  #socketForm(address: string): string {
    return this.#isV6 && !isIPv6(address) ? `::ffff:${address}` : address;
  }

  close(): Promise<void> {
    this.#closed ??= new Promise((done) => {
      this.#socket.close(() => done());
    });
    return this.#closed;
  }
}
