/** Signalling over the SIP server under test (embedded, or a drachtio-server) and real UDP, with the test in the controller's place. */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { configSchema } from '../../../src/config/schema.ts';
import type { ContactView } from '../../../src/call/views.ts';
import type {
  Clock,
  Dialog,
  DialogEvents,
  IncomingCall,
  ReferRequest,
  Signalling,
} from '../../../src/control/ports.ts';
import { createSignalling } from '../../../src/sip/index.ts';
import { startSipServer } from '../../../src/sip-server/index.ts';
import type { SipServer } from '../../../src/sip-server/server.ts';
import { realDrachtio, sipPorts } from '../../support/real.ts';
import { until } from '../../support/until.ts';
import { WirePhone } from './wire-phone.ts';

export const PASSWORDS: Readonly<Record<string, string>> = { '1001': 'pw-alice', '1002': 'pw-bob', '2001': 'pw-sam' };

export const realClock: Clock = {
  now: () => Date.now(),
  after: (ms, task) => {
    const timer = setTimeout(task, ms);
    return () => clearTimeout(timer);
  },
};

/** A clock that stands until it is moved. */
export class ManualClock implements Clock {
  #now = 1_700_000_000_000;
  readonly #tasks = new Set<{ at: number; task: () => void }>();

  now(): number {
    return this.#now;
  }

  after(ms: number, task: () => void): () => void {
    const entry = { at: this.#now + ms, task };
    this.#tasks.add(entry);
    return () => this.#tasks.delete(entry);
  }

  advance(ms: number): void {
    this.#now += ms;
    for (const entry of [...this.#tasks].sort((a, b) => a.at - b.at)) {
      if (entry.at <= this.#now && this.#tasks.delete(entry)) entry.task();
    }
  }
}

export interface BenchOptions {
  readonly trunks?: readonly unknown[];
  readonly clock?: Clock;
  readonly sip?: Readonly<Record<string, unknown>>;
}

export class Bench {
  readonly signalling: Signalling;
  /** Where the control connection of the SIP server is. */
  readonly control: { readonly host: string; readonly port: number; readonly secret: string };
  readonly sipPort: number;
  readonly tcpPort: number;
  readonly wsPort: number;
  readonly calls: IncomingCall[] = [];
  readonly contacts: { readonly userId: string; readonly contacts: readonly ContactView[] }[] = [];
  readonly lines: string[] = [];
  readonly #server: SipServer | null;
  readonly #wire: BreakableWire;
  readonly #phones: WirePhone[] = [];

  private constructor(server: UnderTest, wire: BreakableWire, options: BenchOptions) {
    this.#server = server.embedded;
    this.#wire = wire;
    this.control = server.control;
    this.sipPort = server.ports['udp'] ?? 0;
    this.tcpPort = server.ports['tcp'] ?? 0;
    this.wsPort = server.ports['ws'] ?? 0;
    const config = configSchema.parse({
      sip: { domain: 'earshot.test', ...options.sip },
      teams: [{ id: 'sales', name: 'Sales' }],
      users: [
        { id: 'alice', name: 'Alice', role: 'agent', team: 'sales', extension: '1001', password: 'pw-alice' },
        { id: 'bob', name: 'Bob', role: 'agent', team: 'sales', extension: '1002', password: 'pw-bob' },
        { id: 'sam', name: 'Sam', role: 'supervisor', teams: ['sales'], extension: '2001', password: 'pw-sam' },
      ],
      trunks: options.trunks ?? [],
    });
    this.signalling = createSignalling({
      config,
      srfOptions: { host: '127.0.0.1', port: wire.port, secret: server.control.secret },
      log: (level, message) => this.lines.push(`${level} ${message}`),
      clock: options.clock ?? realClock,
    });
  }

  static async start(options: BenchOptions = {}): Promise<Bench> {
    const server = await underTest();
    const wire = await BreakableWire.open(server.control);
    const bench = new Bench(server, wire, options);
    await bench.signalling.start({
      onCall: (call) => bench.calls.push(call),
      onContacts: (userId, contacts) => bench.contacts.push({ userId, contacts }),
    });
    return bench;
  }

  /** Open connections of phones, as the SIP server counts them; null: a drachtio-server, which does not tell. */
  connections(): number | null {
    return this.#server?.counts().connections ?? null;
  }

  async phone(extension: string, transport: 'udp' | 'tcp' = 'udp'): Promise<WirePhone> {
    const phone = await WirePhone.open(extension, transport === 'udp' ? this.sipPort : this.tcpPort, transport);
    this.#phones.push(phone);
    return phone;
  }

  /** A phone that is registered. */
  async registered(extension: string, transport: 'udp' | 'tcp' = 'udp'): Promise<WirePhone> {
    const phone = await this.phone(extension, transport);
    const answer = await phone.prove('REGISTER', PASSWORDS[extension] ?? '', { headers: ['Expires: 600'] });
    if (answer.status !== 200) throw new Error(`${extension} is not registered: ${answer.first}`);
    return phone;
  }

  async nextCall(): Promise<IncomingCall> {
    const call = await until('a call', () => this.calls[0]);
    this.calls.shift();
    return call;
  }

  /** Cuts the control connection; the SIP server and the signalling both go on. */
  cut(): void {
    this.#wire.cut();
  }

  async close(): Promise<void> {
    for (const phone of this.#phones) phone.close();
    await this.signalling.close();
    this.#wire.close();
    await this.#server?.close();
  }
}

interface UnderTest {
  readonly embedded: SipServer | null;
  readonly control: Bench['control'];
  /** By transport. */
  readonly ports: Readonly<Record<string, number>>;
}

async function underTest(): Promise<UnderTest> {
  if (realDrachtio !== null) {
    return { embedded: null, control: realDrachtio, ports: await sipPorts(realDrachtio) };
  }
  const secret = 'test secret';
  const embedded = await startSipServer({
    listen: ['udp://127.0.0.1:0', 'tcp://127.0.0.1:0', 'ws://127.0.0.1:0'],
    control: { host: '127.0.0.1', port: 0 },
    secret,
  });
  const ports = Object.fromEntries(
    embedded.listen.map((point) => [point.split(':')[0] ?? '', Number(point.split(':').at(-1))]),
  );
  return { embedded, control: { ...embedded.control, secret }, ports };
}

/** The control connection by way of a relay that a test can cut. */
class BreakableWire {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server, target: { host: string; port: number }) {
    this.#server = server;
    server.on('connection', (near) => {
      const far = connect(target.port, target.host);
      for (const [one, other] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#sockets.add(one);
        one.on('error', () => other.destroy());
        one.on('close', () => {
          this.#sockets.delete(one);
          other.destroy();
        });
        one.pipe(other);
      }
    });
  }

  static open(target: { host: string; port: number }): Promise<BreakableWire> {
    return new Promise((resolve) => {
      const server = createServer();
      server.listen(0, '127.0.0.1', () => resolve(new BreakableWire(server, target)));
    });
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  close(): void {
    this.cut();
    this.#server.close();
  }
}

export const OUR_SDP =
  'v=0\r\no=- 7 7 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 30000 RTP/AVP 0\r\n';

/** Records what a dialog reports; answers offers with OUR_SDP. */
export class DialogProbe implements DialogEvents {
  readonly byes: string[] = [];
  /** Of them, those for want of a connection to the SIP server. */
  readonly lost: string[] = [];
  readonly offers: string[] = [];
  readonly answers: string[] = [];
  readonly digits: string[] = [];
  readonly refers: ReferRequest[] = [];
  offerRequests = 0;
  answerOffer: (sdp: string) => Promise<string> = () => Promise.resolve(OUR_SDP);
  takeRefer: (refer: ReferRequest) => Promise<void> = () => Promise.resolve();

  constructor(dialog: Dialog) {
    dialog.bind(this);
  }

  onBye(reason: string, signallingLost: boolean): void {
    this.byes.push(reason);
    if (signallingLost) this.lost.push(reason);
  }
  onOffer(sdp: string): Promise<string> {
    this.offers.push(sdp);
    return this.answerOffer(sdp);
  }
  onOfferRequest(): Promise<string> {
    this.offerRequests++;
    return Promise.resolve(OUR_SDP);
  }
  onAnswer(sdp: string): Promise<void> {
    this.answers.push(sdp);
    return Promise.resolve();
  }
  onDtmf(digit: string): void {
    this.digits.push(digit);
  }
  onRefer(refer: ReferRequest): Promise<void> {
    this.refers.push(refer);
    return this.takeRefer(refer);
  }
}
