/** A controller over ports in memory, with the people of the examples. */
import { configSchema, type Config } from '../../../src/config/schema.ts';
import type { CallView } from '../../../src/call/views.ts';
import { createControl, type Control, type JournalRecord } from '../../../src/control/index.ts';
import { ManualClock } from './clock.ts';
import { MemoryMedia, MemorySignalling, settle, type Incoming, type MemoryDialog } from './ports.ts';

type Policy = Partial<Config['policy']>;

export function exampleConfig(policy: Policy = {}, queue: { wrapUpSeconds?: number; units?: number } = {}): Config {
  const all = ['listen', 'whisper', 'barge', 'takeover', 'transfer', 'assign', 'end'] as const;
  const user = (id: string, extension: string, rest: object) => ({
    id,
    name: NAMES[id],
    extension,
    password: 'x',
    ...rest,
  });
  return configSchema.parse({
    teams: [
      { id: 'sales', name: 'Sales' },
      { id: 'support', name: 'Support' },
    ],
    users: [
      user('alice', '1001', { role: 'agent', team: 'sales' }),
      user('bob', '1002', { role: 'agent', team: 'sales' }),
      user('carol', '1003', { role: 'agent', team: 'support' }),
      user('robo', '1009', { role: 'agent', team: 'support', kind: 'bot' }),
      user('sam', '2001', { role: 'supervisor', teams: ['sales'], permissions: all }),
      user('sue', '2002', { role: 'supervisor', teams: ['sales'], permissions: all }),
      user('lee', '2003', { role: 'supervisor', teams: ['sales'], permissions: ['listen'] }),
      user('max', '2004', { role: 'supervisor', teams: ['support'] }),
      user('root', '3001', { role: 'admin' }),
    ],
    queues: [
      { id: 'sales', name: 'Sales', team: 'sales', numbers: ['8000'], ...queue },
      { id: 'support', name: 'Support', team: 'support', numbers: ['8001'] },
    ],
    trunks: [
      { id: 'pstn', hosts: ['127.0.0.1'], outbound: 'sip:127.0.0.1:5070', numbers: ['+44*'] },
      { id: 'dead', numbers: ['+99*'] },
    ],
    policy,
  });
}

const NAMES: Record<string, string> = {
  alice: 'Alice',
  bob: 'Bob',
  carol: 'Carol',
  robo: 'Robo',
  sam: 'Sam',
  sue: 'Sue',
  lee: 'Lee',
  max: 'Max',
  root: 'Root',
};

export class Bench {
  readonly clock = new ManualClock();
  readonly signalling = new MemorySignalling();
  readonly media = new MemoryMedia();
  readonly records: JournalRecord[] = [];
  readonly logged: string[] = [];
  readonly control: Control;

  constructor(config: Config = exampleConfig()) {
    this.control = createControl({
      config,
      signalling: this.signalling,
      media: this.media,
      clock: this.clock,
      log: (level, message) => this.logged.push(`${level} ${message}`),
      journal: { append: (record) => this.records.push(record) },
    });
  }

  static async start(registered: readonly string[], config?: Config): Promise<Bench> {
    const bench = new Bench(config);
    await bench.control.start();
    for (const user of registered) bench.register(user);
    return bench;
  }

  /** Each a millisecond later than the one before, so that "longest" is well defined. */
  register(user: string, transports?: readonly string[]): void {
    this.clock.advance(1);
    this.signalling.register(user, transports);
  }

  async pass(ms: number): Promise<void> {
    await settle();
    this.clock.advance(ms);
    await settle();
  }

  /** The only live call, as `user` sees it. */
  call(user = 'root'): CallView {
    const calls = this.control.calls({ userId: user });
    if (calls.length !== 1) throw new Error(`${calls.length} calls`);
    return calls[0]!;
  }

  state(user: string): string {
    const root = { userId: 'root' };
    return [...this.control.agents(root), ...this.control.supervisors(root)].find((u) => u.id === user)!.state;
  }

  async ringing(who: string) {
    await settle();
    const ringing = this.signalling.ringing(who);
    if (ringing === undefined) throw new Error(`${who} is not being rung`);
    return ringing;
  }

  async answer(who: string): Promise<MemoryDialog> {
    const dialog = (await this.ringing(who)).answer();
    await settle();
    return dialog;
  }

  /** A customer talking to alice. */
  async conversation(): Promise<{ id: string; customer: Incoming; alice: MemoryDialog }> {
    const customer = this.signalling.fromTrunk('8000');
    const alice = await this.answer('alice');
    return { id: this.call().id, customer, alice };
  }

  /** Sam attached to the only call. */
  async supervise(mode: 'listen' | 'whisper' | 'barge', target?: string, who = 'sam') {
    const request = target === undefined ? { mode } : { mode, target };
    const started = await this.control.startSupervision({ userId: who }, this.call().id, request);
    const phone = await this.answer(who);
    return { id: started.id, phone };
  }

  /** Who hears whom, by user or role: "alice<customer". Read from the matrix that the engine was given last. */
  heard(callId = this.call().id): string[] {
    const call = this.control.call({ userId: 'root' }, callId);
    const name = (id: string): string => {
      const p = call.participants.find((one) => one.id === id);
      return p === undefined ? id : (p.userId ?? p.role);
    };
    const matrix = this.media.bridge(callId).applied.at(-1)?.matrix ?? new Map<string, Set<string>>();
    return [...matrix].flatMap(([l, sources]) => [...sources].map((s) => `${name(l)}<${name(s)}`)).sort();
  }

  hears(user: string): string[] {
    const call = this.call();
    const p = call.participants.find((one) => (one.userId ?? one.role) === user && one.state !== 'left');
    const name = (id: string) => {
      const found = call.participants.find((one) => one.id === id);
      return found === undefined ? id : (found.userId ?? found.role);
    };
    return [...(p?.hears ?? [])].map(name).sort();
  }

  /** Nothing is left: no call, leg, endpoint, dialog, timer or hold. */
  leaks(): string[] {
    const { calls, supervisions } = this.control.counts();
    const found: string[] = [];
    if (calls > 0) found.push(`${calls} calls`);
    if (supervisions > 0) found.push(`${supervisions} supervisions`);
    for (const bridge of this.media.bridges) {
      if (!bridge.closed) found.push(`bridge ${bridge.callId}`);
      for (const endpoint of bridge.endpoints.values()) if (!endpoint.closed) found.push(`endpoint ${endpoint.id}`);
    }
    for (const dial of this.signalling.dials) {
      if (dial.state === 'ringing') found.push('a phone still rings');
      if (dial.dialog !== null && !dial.dialog.hungUp) found.push('a dialog still stands');
    }
    if (this.clock.pending > 0) found.push(`${this.clock.pending} timers`);
    return found;
  }
}
