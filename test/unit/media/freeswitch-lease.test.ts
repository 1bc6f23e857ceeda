import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Lease } from '../../../media/freeswitch/lease.ts';

describe('what Earshot has on a FreeSWITCH', () => {
  let lease: Lease;
  /** Tasks that stand in FreeSWITCH, by group, and the moments at which there was none. */
  let tasks: Map<string, string>;
  let said: string[];

  const freeSwitch = (text: string): Promise<string> => {
    said.push(text);
    const [verb = '', ...args] = text.split(' ');
    if (verb === 'sched_del') return Promise.resolve(tasks.delete(args[0] ?? '') ? '+OK\n' : '-ERR no such task\n');
    if (verb !== 'sched_api') return Promise.resolve('+OK\n');
    tasks.set(args[1] ?? '', args.slice(2).join(' '));
    return Promise.resolve('+OK Added: 7\n');
  };

  beforeEach(() => {
    vi.useFakeTimers();
    lease = new Lease(60);
    tasks = new Map();
    said = [];
  });
  afterEach(() => {
    lease.drop();
    vi.useRealTimers();
  });

  const own = (): string => `hupall NORMAL_CLEARING sip_h_X-Earshot-Owner ${lease.owner}`;

  it('is ended by one task, which names the owner and nobody else', async () => {
    await lease.begin(freeSwitch);
    expect([...tasks.values()]).toEqual([own()]);
    expect(said.filter((text) => text.startsWith('sched_api'))).toEqual([
      expect.stringMatching(/^sched_api \+60 earshot-/),
    ]);
    expect(new Lease(60).owner).not.toBe(lease.owner);
  });

  it('the end is put off again and again, and there is no moment without one', async () => {
    await lease.begin(freeSwitch);
    let fewest = Number.POSITIVE_INFINITY;
    lease.keep(
      async (text) => {
        const reply = await freeSwitch(text);
        fewest = Math.min(fewest, tasks.size);
        return reply;
      },
      (error) => expect.unreachable(String(error)),
    );
    for (let round = 0; round < 9; round++) {
      const before = [...tasks.keys()];
      await vi.advanceTimersByTimeAsync(15_000);
      expect([...tasks.keys()]).not.toEqual(before);
      expect([...tasks.values()]).toEqual([own()]);
    }
    expect(fewest).toBe(1);
    lease.drop();
    said = [];
    await vi.advanceTimersByTimeAsync(120_000);
    expect(said).toEqual([]);
  });

  it('a new connection ends what the last one left, and no task of before is left to end what comes', async () => {
    await lease.begin(freeSwitch);
    // The connection went between the next task and the removal of the last.
    tasks = new Map(['a', 'b'].map((turn) => [`earshot-${lease.owner}-${turn}`, own()]));
    said = [];
    await lease.begin(freeSwitch);
    expect(said).toContain(own());
    expect(said.indexOf(own())).toBeLessThan(said.findIndex((text) => text.startsWith('sched_api')));
    expect(tasks.size).toBe(1);
  });

  it('what FreeSWITCH refuses is told', async () => {
    await expect(lease.begin(() => Promise.resolve('-ERR no\n'))).rejects.toThrow('sched_api');
  });
});
