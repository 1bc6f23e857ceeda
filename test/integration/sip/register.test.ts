import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Bench, ManualClock } from './harness.ts';
import { authorization } from './wire-phone.ts';

describe('registrar', () => {
  const clock = new ManualClock();
  let bench: Bench;
  beforeAll(async () => {
    bench = await Bench.start({ clock });
  });
  afterAll(() => bench.close());

  it('registers a phone that proves itself, reports it, and unregisters it', async () => {
    const phone = await bench.phone('1001');
    const answer = await phone.prove('REGISTER', 'pw-alice', { headers: ['Expires: 60', 'User-Agent: test phone'] });
    expect(answer.status).toBe(200);
    expect(answer.header('Contact')).toBe(`${phone.contact};expires=60`);
    expect(bench.signalling.contacts('alice')).toEqual([
      {
        uri: phone.contact.slice(1, -1),
        transport: 'udp',
        userAgent: 'test phone',
        expiresAt: new Date(clock.now() + 60_000).toISOString(),
      },
    ]);
    expect(bench.contacts.at(-1)).toMatchObject({ userId: 'alice', contacts: [{ userAgent: 'test phone' }] });
    const query = await phone.prove('REGISTER', 'pw-alice', { noContact: true });
    expect(query.header('Contact')).toBe(`${phone.contact};expires=60`);
    expect((await phone.prove('REGISTER', 'pw-alice', { headers: ['Expires: 0'] })).status).toBe(200);
    expect(bench.signalling.contacts('alice')).toEqual([]);
    expect(bench.contacts.at(-1)).toEqual({ userId: 'alice', contacts: [] });
  });

  it('forgets a phone that does not refresh, and reports it', async () => {
    const phone = await bench.phone('1002');
    await phone.prove('REGISTER', 'pw-bob', { headers: ['Expires: 60'] });
    clock.advance(59_000);
    expect(bench.signalling.contacts('bob')).toHaveLength(1);
    clock.advance(1_000);
    expect(bench.signalling.contacts('bob')).toEqual([]);
    expect(bench.contacts.at(-1)).toEqual({ userId: 'bob', contacts: [] });
  });

  it('refuses what is too short with 423 and says what is not', async () => {
    const phone = await bench.phone('1001');
    const answer = await phone.prove('REGISTER', 'pw-alice', { headers: ['Expires: 9'] });
    expect([answer.status, answer.header('Min-Expires')]).toEqual([423, '10']);
  });

  it('refuses a wrong password, an unknown user and a registration for somebody else with the same 403', async () => {
    const phone = await bench.phone('1001');
    const refused = [
      await phone.prove('REGISTER', 'wrong'),
      await (await bench.phone('9999')).prove('REGISTER', 'pw-alice'),
      await phone.prove('REGISTER', 'pw-bob', {}, '1002'),
      await phone.prove('REGISTER', 'pw-alice', { to: '<sip:1002@earshot.test>' }),
    ];
    expect(refused.map((answer) => answer.first)).toEqual(Array(4).fill('SIP/2.0 403 Forbidden'));
    expect(refused.map((answer) => answer.body)).toEqual(Array(4).fill(''));
    expect(bench.signalling.contacts('bob')).toEqual([]);
  });

  it('takes a proof once only: a replayed REGISTER is challenged as stale', async () => {
    const phone = await bench.phone('1001');
    const from = '<sip:1001@earshot.test>;tag=a';
    const challenge = await phone.ask('REGISTER', { from });
    const proof = authorization(challenge, 'REGISTER', 'sip:earshot.test', '1001', 'pw-alice');
    expect((await phone.ask('REGISTER', { from, headers: [proof] })).status).toBe(200);
    const replayed = await phone.ask('REGISTER', { from, headers: [proof] });
    expect(replayed.status).toBe(401);
    expect(replayed.header('WWW-Authenticate')).toContain('stale=true');
    const next = authorization(replayed, 'REGISTER', 'sip:earshot.test', '1001', 'pw-alice');
    expect((await phone.ask('REGISTER', { from, headers: [next] })).status).toBe(200);
  });

  it('keeps a newer REGISTER from being undone by an older one of the same Call-ID', async () => {
    const phone = await bench.phone('1002');
    const callId = randomUUID();
    const at = (cseq: number, expires: number): ReturnType<typeof phone.prove> =>
      phone.prove('REGISTER', 'pw-bob', { callId, cseq, headers: [`Expires: ${expires}`] });
    expect((await at(10, 60)).status).toBe(200);
    expect((await at(3, 0)).status).toBe(500);
    expect(bench.signalling.contacts('bob')).toHaveLength(1);
  });

  it('answers Path in the 200 (RFC 3327)', async () => {
    const phone = await bench.phone('1001');
    const headers = ['Path: <sip:edge.example;lr>', 'Supported: path'];
    expect((await phone.prove('REGISTER', 'pw-alice', { headers })).header('Path')).toBe('<sip:edge.example;lr>');
  });

  it('tells passwords to nobody: not in the log', () => {
    expect(bench.lines.join('\n')).not.toMatch(/pw-|test secret/);
  });
});

describe('whoever fails too often', () => {
  it('is answered 503 with Retry-After until the time has passed', async () => {
    const clock = new ManualClock();
    const bench = await Bench.start({ clock });
    try {
      const phone = await bench.phone('1001');
      for (let i = 0; i < 30; i++) expect((await phone.prove('REGISTER', 'wrong')).status).toBe(403);
      const blocked = await phone.ask('REGISTER');
      expect([blocked.status, blocked.header('Retry-After')]).toEqual([503, '60']);
      await bench.registered('1002'); // another phone behind the same address
      const challenge = await phone.ask('REGISTER', { from: '<sip:90@earshot.test>;tag=x' });
      const wrong = authorization(challenge, 'REGISTER', 'sip:earshot.test', '1001', 'wrong');
      for (let round = 0; round < 9; round++) {
        const guesses = Array.from({ length: 30 }, (_, i) =>
          phone.ask('REGISTER', { from: `<sip:9${i}@earshot.test>;tag=x`, headers: [wrong] }),
        );
        expect(new Set((await Promise.all(guesses)).map((answer) => answer.status))).toEqual(new Set([403]));
      }
      const all = await phone.ask('REGISTER', { from: '<sip:1002@earshot.test>;tag=x' });
      expect(all.status).toBe(503);
      clock.advance(61_000);
      expect((await phone.prove('REGISTER', 'pw-alice')).status).toBe(200);
    } finally {
      await bench.close();
    }
  });
});

describe('challenges', () => {
  it('come one header line each where SHA-256 is configured too', async () => {
    const bench = await Bench.start({ sip: { digest: ['SHA-256', 'MD5'] } });
    try {
      const phone = await bench.phone('1001');
      const challenge = await phone.ask('REGISTER');
      const lines = challenge.headers('WWW-Authenticate');
      expect(lines.map((line) => /algorithm=([\w-]+)/.exec(line)?.[1])).toEqual(['SHA-256', 'MD5']);
    } finally {
      await bench.close();
    }
  });
});
