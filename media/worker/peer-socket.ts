/**
 * A UDP socket of a leg, connected to its peer wherever the peer is settled: the kernel then drops what others send before it
 * costs anything here, and a packet that is sent needs no address to be read and no route to be looked up.
 */
import { createSocket } from 'node:dgram';
import type { RemoteInfo, Socket } from 'node:dgram';
import { once } from 'node:events';
import type { Address } from './gate.ts';

/** Addresses are numbers here; looking them up would cost more than sending. */
const lookup = (
  hostname: string,
  _options: unknown,
  callback: (error: null, address: string, family: number) => void,
) => callback(null, hostname, 4);

/** A socket bound to all addresses would be narrowed to one by connecting, and the peer may send to another. */
const ANY = '0.0.0.0';

export class PeerSocket {
  readonly #socket: Socket = createSocket({ type: 'udp4', lookup });
  #bound = '';
  #peer: Address | null = null;

  /** Rejects where the port is taken. */
  async bind(port: number, address: string): Promise<void> {
    const listening = once(this.#socket, 'listening'); // with numeric addresses it comes at once
    this.#socket.bind({ port, address, exclusive: true });
    await listening;
    this.#bound = address;
  }

  /** `onError`: a packet could not be sent, or the peer's machine said that nobody listens there. */
  start(onPacket: (packet: Uint8Array, from: RemoteInfo) => void, onError: () => void): void {
    this.#socket.on('error', onError);
    this.#socket.on('message', onPacket);
  }

  /** From now on the peer is this one alone; null: it may be another. */
  settle(peer: Address | null): void {
    if (peer?.port === this.#peer?.port && peer?.address === this.#peer?.address) return;
    if (this.#peer !== null) this.#socket.disconnect();
    this.#peer = null;
    if (peer === null || this.#bound === ANY) return;
    this.#socket.connect(peer.port, peer.address);
    if (this.#connected()) this.#peer = peer;
  }

  /** `to` is the settled peer, where there is one. */
  send(packet: Uint8Array, to: Address): void {
    if (this.#peer === null) this.#socket.send(packet, to.port, to.address);
    else this.#socket.send(packet);
  }

  /** Idempotent. */
  close(): void {
    try {
      this.#socket.close();
    } catch {
      // it is closed already
    }
  }

  /** Connecting to a number is done when `connect` returns, unless it failed (an address without a route). */
  #connected(): boolean {
    try {
      this.#socket.remoteAddress();
      return true;
    } catch {
      return false;
    }
  }
}
