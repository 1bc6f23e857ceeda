/** What TCP, TLS and WebSocket connections have in common, and the one table that knows them. */
import type { SipParseError } from '../message/index.ts';
import { hostPort } from './address.ts';
import type { Flow, Protocol } from './types.ts';

export interface Connection {
  readonly id: string;
  readonly flow: Flow;
  /** Resolves when the octets are handed to the system; rejects with TransportError. */
  send(octets: Buffer): Promise<void>;
  /** Closes when what was sent has gone out. */
  end(): void;
  /** At once; idempotent. */
  destroy(): void;
}

export interface ConnectionHandlers {
  onMessage(octets: Buffer, connection: Connection): void;
  /** The stream cannot be read on and has to be ended. `head`: what there is of the message at fault. */
  onFault(fault: SipParseError, head: Buffer, connection: Connection): void;
  /** Once, whoever closed it. */
  onClosed(connection: Connection): void;
}

/** All open connections by id; by remote address and by source are derived, written by `add` and `remove` alone. */
export class ConnectionTable {
  readonly #byId = new Map<string, Connection>();
  readonly #byRemote = new Map<string, Connection>();
  readonly #perSource = new Map<string, number>();

  get size(): number {
    return this.#byId.size;
  }

  add(connection: Connection): void {
    const { remote, protocol } = connection.flow;
    this.#byId.set(connection.id, connection);
    this.#byRemote.set(remoteKey(protocol, remote), connection);
    this.#perSource.set(remote.host, this.ofSource(remote.host) + 1);
  }

  /** False if it was not (or no longer) there. */
  remove(connection: Connection): boolean {
    if (!this.#byId.delete(connection.id)) return false;
    const { remote, protocol } = connection.flow;
    const key = remoteKey(protocol, remote);
    if (this.#byRemote.get(key) === connection) this.#byRemote.delete(key);
    const left = this.ofSource(remote.host) - 1;
    if (left > 0) this.#perSource.set(remote.host, left);
    else this.#perSource.delete(remote.host);
    return true;
  }

  get(id: string): Connection | undefined {
    return this.#byId.get(id);
  }

  toRemote(protocol: Protocol, remote: Flow['remote']): Connection | undefined {
    return this.#byRemote.get(remoteKey(protocol, remote));
  }

  ofSource(host: string): number {
    return this.#perSource.get(host) ?? 0;
  }

  all(): Connection[] {
    return [...this.#byId.values()];
  }
}

export function remoteKey(protocol: Protocol, remote: Flow['remote']): string {
  return `${protocol} ${hostPort(remote)}`;
}
