/** A clock turned by hand and a network that delays and drops on purpose, for whole stacks in one process. */
import type { Clock } from '../../../src/sip-server/transaction/clock.ts';
import { parseMessage } from '../../../src/sip-server/message/index.ts';
import type { Flow, ListenPoint, Protocol, Received, TransportLayer } from '../../../src/sip-server/transport/types.ts';

interface Task {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

export class FakeClock implements Clock {
  #now = 1_800_000_000_000;
  #order = 0;
  readonly #tasks = new Set<Task>();

  now(): number {
    return this.#now;
  }

  get pending(): number {
    return this.#tasks.size;
  }

  after(ms: number, run: () => void): { cancel(): void } {
    const task = { at: this.#now + ms, order: this.#order++, run };
    this.#tasks.add(task);
    return { cancel: () => void this.#tasks.delete(task) };
  }

  /** Time goes on; everything due happens in its order, and promises settle between. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    await settle();
    for (;;) {
      const due = [...this.#tasks].filter((t) => t.at <= end).sort((a, b) => a.at - b.at || a.order - b.order)[0];
      if (due === undefined) break;
      this.#tasks.delete(due);
      this.#now = Math.max(this.#now, due.at);
      due.run();
      await settle();
    }
    this.#now = end;
  }
}

export async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}

export interface Datagram {
  readonly text: string;
  readonly from: string;
  readonly to: string;
  /** How many of this very content have gone this way before. */
  readonly nth: number;
}

/** Datagrams between addresses `host:port`, 10 ms each; `lose` decides which never arrive. */
export class FakeNetwork {
  readonly clock: FakeClock;
  /** All that was sent, also what was lost. */
  readonly sent: Datagram[] = [];
  lose: (datagram: Datagram) => boolean = () => false;
  /** Sending there fails at once. */
  readonly broken = new Set<string>();
  readonly #nodes = new Map<string, (octets: Buffer, from: string) => void>();

  constructor(clock: FakeClock) {
    this.clock = clock;
  }

  join(address: string, take: (octets: Buffer, from: string) => void): void {
    this.#nodes.set(address, take);
  }

  send(octets: Buffer, from: string, to: string): void {
    const text = octets.toString();
    const nth = this.sent.filter((d) => d.text === text && d.to === to).length;
    const datagram = { text, from, to, nth };
    this.sent.push(datagram);
    if (this.lose(datagram)) return;
    this.clock.after(10, () => this.#nodes.get(to)?.(octets, from));
  }

  /** First lines of all that went to an address, without what varies. */
  linesTo(to: string): string[] {
    return this.sent.filter((d) => d.to === to).map((d) => d.text.split('\r\n')[0]!.replace(/ SIP\/2\.0$/, ''));
  }
}

function split(address: string): { host: string; port: number } {
  const [host, port] = address.split(':');
  return { host: host!, port: Number(port) };
}

/** A transport layer over the fake network; `protocol` tcp: the same, but nothing is lost for the stack above. */
export class FakeTransport implements TransportLayer {
  readonly listenPoints: readonly ListenPoint[];
  onMessage: (received: Received) => void = () => undefined;
  onConnectionClosed: (connection: string) => void = () => undefined;
  readonly #network: FakeNetwork;
  readonly #address: string;
  readonly #protocol: Protocol;

  constructor(network: FakeNetwork, address: string, protocol: Protocol = 'udp') {
    this.#network = network;
    this.#address = address;
    this.#protocol = protocol;
    const { host, port } = split(address);
    this.listenPoints = [{ protocol, host, port }];
    network.join(address, (octets, from) => {
      const flow: Flow = { protocol, local: { host, port }, remote: split(from), ...this.#connection(from) };
      this.onMessage({ message: parseMessage(octets), flow, bytes: octets.length, at: network.clock.now() });
    });
  }

  #connection(to: string): { connection?: string } {
    return this.#protocol === 'udp' ? {} : { connection: `to-${to}` };
  }

  send(octets: Buffer, flow: Flow): Promise<void> {
    const to = `${flow.remote.host}:${flow.remote.port}`;
    if (this.#network.broken.has(to)) return Promise.reject(new Error('unreachable'));
    this.#network.send(octets, this.#address, to);
    return Promise.resolve();
  }

  start(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
