/**
 * Random operations of customers, agents and supervisors on the whole controller, with phones that answer, decline,
 * hang up, are lost or never answer, and time that passes. After each: what the engine was given last agrees with what
 * the API says and with R-HEAR-7. At the end nothing is left: no leg, endpoint, bridge, hold or timer.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CallView } from '../../../src/call/views.ts';
import { Refusal } from '../../../src/call/errors.ts';
import { Bench, exampleConfig } from './bench.ts';
import { settle, type Incoming, type MemoryDialog } from './ports.ts';

const ROOT = { userId: 'root' };
const AGENTS = ['alice', 'bob', 'carol'];
const SUPERVISORS = ['sam', 'sue', 'root'];
const TARGETS = [{ agent: 'bob' }, { agent: 'carol' }, { queue: 'support' }, { number: '+4477' }, { agent: 'alice' }];
const op = fc.record({ kind: fc.nat(25), who: fc.nat(11), what: fc.nat(11) });
const pick = <T>(list: readonly T[], at: number): T | undefined => list[at % Math.max(1, list.length)];

class World {
  readonly bench: Bench;
  readonly callers: Incoming[] = [];

  constructor(bench: Bench) {
    this.bench = bench;
  }

  get dialogs(): MemoryDialog[] {
    const all = [...this.bench.signalling.dials, ...this.callers].flatMap((d) => d.dialog ?? []);
    return all.filter((d) => !d.hungUp && d.events !== null);
  }

  /** Refusals are answers, not faults. */
  async ask(work: () => unknown): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof Refusal) && (error as Error).name !== 'LegFailure') throw error;
    }
  }

  async apply(o: { kind: number; who: number; what: number }): Promise<void> {
    const { bench } = this;
    const { control, signalling } = bench;
    const agent = { userId: pick(AGENTS, o.who)! };
    const supervisor = { userId: pick(SUPERVISORS, o.who)! };
    const call = pick(control.calls(ROOT), o.what)?.id ?? 'none';
    const supervision = pick(control.supervisions(ROOT), o.what);
    const owner = { userId: supervision?.supervisor.id ?? 'root' };
    const ringing = pick(
      signalling.dials.filter((d) => d.state === 'ringing'),
      o.what,
    );
    const dialog = pick(this.dialogs, o.what);
    const mode = pick(['listen', 'whisper', 'barge'] as const, o.what)!;
    const to = pick(TARGETS, o.what)!;
    switch (o.kind) {
      case 0:
      case 1:
        this.callers.push(signalling.fromTrunk(pick(['8000', '8001', '1001', '8000'], o.what)!));
        return;
      case 2:
        this.callers.push(signalling.fromUser(agent.userId, pick(['1002', '1003', '+4455', '8001'], o.what)!));
        return;
      case 3:
        this.callers.push(signalling.fromUser(supervisor.userId, `*${1 + (o.what % 3)}1001`));
        return;
      case 4:
      case 5:
      case 6:
      case 7:
        ringing?.answer();
        return;
      case 8:
        ringing?.fail(pick([486, 603, 480, 503], o.who)!);
        return;
      case 9:
        pick(this.callers, o.what)?.cancel();
        return;
      case 10:
        dialog?.bye();
        return;
      case 11:
        return this.ask(() => (o.who % 2 === 0 ? dialog?.hold() : dialog?.resume()));
      case 12:
        dialog?.key(pick(['1', '2', '3', '0', '#', '9'], o.who)!);
        return;
      case 13:
        return this.ask(() => dialog?.refer(pick(['1002', '8001', '+4466', '7'], o.who)!));
      case 14: {
        const other = pick(this.callers, o.who);
        return this.ask(() => dialog?.refer('1003', other?.sipCallId ?? 'x'));
      }
      case 15:
      case 16:
        return this.ask(() =>
          control.startSupervision(supervisor, call, { mode, target: pick(['agent', 'customer', 'p2'], o.who)! }),
        );
      case 17:
        return this.ask(() => control.changeSupervision(owner, supervision?.id ?? 'none', { mode }));
      case 18:
        return this.ask(() => control.changeSupervision(owner, supervision?.id ?? 'none', { paused: o.who % 2 === 0 }));
      case 19:
        return this.ask(() =>
          o.who % 3 === 0
            ? control.stopSupervision(owner, supervision?.id ?? 'none')
            : control.takeover(supervisor, call),
        );
      case 20:
        return this.ask(() => control.consult(agent, call, to));
      case 21:
        return this.ask(() => {
          const operation = pick(
            ['consultComplete', 'consultCancel', 'conference', 'hold', 'resume'] as const,
            o.what,
          )!;
          return control[operation](agent, call);
        });
      case 22:
        return this.ask(() => control.transfer(o.who % 2 === 0 ? supervisor : agent, call, to));
      case 23:
        if (o.what % 2 === 0) signalling.unregister(agent.userId);
        else bench.register(agent.userId);
        return this.ask(() => control.setAgentState(agent, agent.userId, o.who % 2 === 0 ? 'available' : 'away'));
      case 24:
        bench.clock.advance(pick([500, 5000, 21_000, 100_000], o.what)!);
        return;
      default:
        return this.ask(() =>
          o.what % 4 === 0 ? control.end(supervisor, call) : control.assign(supervisor, call, to, o.who % 2 === 0),
        );
    }
  }

  check(): void {
    for (const call of this.bench.control.calls(ROOT)) this.#checkCall(call);
    for (const bridge of this.bench.media.bridges) {
      const versions = bridge.applied.map((a) => a.version);
      expect(versions).toEqual([...versions].sort((a, b) => a - b));
    }
    const supervisors = this.bench.control.supervisions(ROOT).map((s) => s.supervisor.id);
    expect(new Set(supervisors).size).toBe(supervisors.length); // R-START-1
    const targets = this.bench.control.supervisions(ROOT).map((s) => `${s.callId} ${s.target}`);
    expect(new Set(targets).size).toBe(targets.length); // R-EXCL-1
  }

  #checkCall(call: CallView): void {
    const inForce = this.bench.media.bridge(call.id).applied.at(-1)?.matrix;
    for (const p of call.participants) {
      expect([...(inForce?.get(p.id) ?? [])].sort(), `${p.role} ${p.id}`).toEqual([...p.hears].sort());
      expect(p.hears).not.toContain(p.id);
      for (const source of p.hears) {
        const supervision = call.supervisions.find(
          (s) => s.state !== 'ended' && call.participants.find((o) => o.id === source)?.userId === s.supervisor.id,
        );
        const heard = call.participants.find((o) => o.id === source);
        if (heard?.role !== 'supervisor' || p.role !== 'customer') continue;
        expect(supervision).toMatchObject({ mode: 'barge', paused: false, state: 'active' }); // R-HEAR-7
      }
    }
  }

  /** Everybody hangs up or never answers. */
  async finish(): Promise<void> {
    for (let i = 0; i < 30 && this.bench.control.counts().calls > 0; i++) {
      for (const caller of this.callers) caller.cancel();
      for (const dialog of this.dialogs) dialog.bye();
      await settle();
      this.bench.clock.advance(200_000);
      await settle();
    }
    this.bench.clock.advance(10_000); // the wrap-up of agents who left a call before its end
    await settle();
  }
}

describe('any sequence of operations on the controller', () => {
  it('leaves the engine, the API and the rules in agreement, and nothing behind', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(op, { maxLength: 60, size: 'max' }),
        fc.constantFrom<['blind' | 'accept', number]>(['blind', 0], ['accept', 0], ['blind', 3]),
        async (ops, [transfer, wrapUpSeconds]) => {
          const config = exampleConfig({ transfer, monitorWhenStatus: ['available', 'away'] }, { wrapUpSeconds });
          const world = new World(await Bench.start([...AGENTS, ...SUPERVISORS], config));
          await world.apply({ kind: 0, who: 0, what: 0 });
          await settle();
          await world.apply({ kind: 4, who: 0, what: 0 });
          for (const o of ops) {
            await world.apply(o);
            await settle();
            world.check();
          }
          await world.finish();
          expect(world.bench.leaks()).toEqual([]);
          expect(world.bench.logged.filter((line) => line.startsWith('error'))).toEqual([]);
          for (const user of [...AGENTS, ...SUPERVISORS]) {
            expect(['available', 'away', 'offline']).toContain(world.bench.state(user));
          }
        },
      ),
      { numRuns: 60 },
    );
  }, 60_000);
});
