/**
 * The contract of every media engine (media/engine.ts), by real RTP: phones with a tone each, and what each of them hears,
 * measured. `engineContract` defines the suite for one engine.
 */
import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { writeWav } from '../../../media/codec/wav.ts';
import { MediaError } from '../../../media/engine.ts';
import type { Bridge, Endpoint, EndpointOptions, EngineMatrix, MediaEngine } from '../../../media/engine.ts';
import { EVENT_TYPE, packets, Phone, share, until } from './phone.ts';

const TONES = { agent: 450, customer: 700, supervisor: 1150 } as const;
type Party = keyof typeof TONES;
const PARTIES = Object.keys(TONES) as Party[];
/** Of the default music: its steady note. */
const MUSIC_HZ = 330;
const RINGBACK_HZ = 425;

export interface EngineSetup {
  readonly create: () => Promise<MediaEngine>;
  /** `onSilence` is told after so many seconds. */
  readonly silenceSeconds: number;
  /** Whether telephone-events reach the listeners packet by packet as they came, or are sent anew. */
  readonly events: 'forwarded' | 'sent anew';
  /** Least part of the energy that a tone has where nothing else is heard: an engine with clocks of its own leaves marks. */
  readonly purity: number;
}

export function matrixOf(rows: Readonly<Record<string, readonly string[]>>): EngineMatrix {
  return new Map(Object.entries(rows).map(([listener, sources]) => [listener, new Set(sources)]));
}

/** Who hears whom in each state of a supervision of the agent (R-HEAR-2 to R-HEAR-5). */
const MODES = {
  'R-HEAR-2 listen': { agent: ['customer'], customer: ['agent'], supervisor: ['agent', 'customer'] },
  'R-HEAR-3 whisper': { agent: ['customer', 'supervisor'], customer: ['agent'], supervisor: ['agent', 'customer'] },
  'R-HEAR-4 barge': {
    agent: ['customer', 'supervisor'],
    customer: ['agent', 'supervisor'],
    supervisor: ['agent', 'customer'],
  },
  'R-HEAR-5 paused': { agent: ['customer'], customer: ['agent'], supervisor: [] },
} as const;

export function engineContract(name: string, setup: EngineSetup): void {
  describe(`media engine ${name}`, { timeout: 30_000 }, () => {
    let engine: MediaEngine;
    let bridge: Bridge;
    let folder: string;
    let version = 0;
    const phones: Phone[] = [];
    const told = { dtmf: [] as string[], silence: [] as string[], levels: [] as ReadonlyMap<string, number>[] };

    beforeAll(async () => {
      engine = await setup.create();
      folder = await mkdtemp(join(tmpdir(), 'earshot-media-'));
    });

    afterAll(async () => {
      await engine.close();
      await rm(folder, { recursive: true, force: true });
    });

    beforeEach(async () => {
      version = 0;
      told.dtmf = [];
      told.silence = [];
      told.levels = [];
      bridge = await engine.createBridge('call', {
        onDtmf: (id, digit) => told.dtmf.push(`${id} ${digit}`),
        onSilence: (id, seconds) => told.silence.push(`${id} ${seconds}`),
        onLevels: (levels) => told.levels.push(levels),
        onLost: (error) => {
          throw error;
        },
      });
    });

    afterEach(async () => {
      for (const phone of phones.splice(0)) phone.close();
      await bridge.close();
    });

    async function join_(
      party: string,
      phone: Phone,
      options: Partial<EndpointOptions> & { sdp?: Parameters<Phone['sdp']>[0] } = {},
    ): Promise<Endpoint> {
      phones.push(phone);
      const { sdp, ...rest } = options;
      const endpoint = await bridge.createEndpoint({ id: party, offer: phone.sdp(sdp), ...rest });
      phone.peer(endpoint.localSdp);
      return endpoint;
    }

    async function parties(codecs: Partial<Record<Party, 'PCMU' | 'PCMA'>> = {}): Promise<Record<Party, Phone>> {
      const result: Partial<Record<Party, Phone>> = {};
      for (const party of PARTIES) {
        const phone = await Phone.open({ hz: TONES[party], codec: codecs[party] ?? 'PCMU' });
        await join_(party, phone);
        phone.talk();
        result[party] = phone;
      }
      return result as Record<Party, Phone>;
    }

    function apply(rows: Readonly<Record<string, readonly string[]>>): Promise<void> {
      return bridge.applyMatrix(matrixOf(rows), ++version);
    }

    /** Plays for a while and measures that each phone hears those tones and no others. */
    async function expectHeard(
      all: Record<Party, Phone>,
      rows: Readonly<Record<Party, readonly string[]>>,
    ): Promise<void> {
      await new Promise((resolve) => setTimeout(resolve, 150)); // what is under way arrives
      const from = Object.fromEntries(PARTIES.map((party) => [party, all[party].received.length])) as Record<
        Party,
        number
      >;
      await new Promise((resolve) => setTimeout(resolve, 600));
      for (const listener of PARTIES) {
        const audio = all[listener].audio(from[listener]);
        const hears = rows[listener];
        if (hears.length > 0) expect(audio.length, `${listener} hears something`).toBeGreaterThan(2000);
        for (const source of PARTIES) {
          const heard = share(audio, TONES[source]);
          if (hears.includes(source)) expect(heard, `${listener} hears ${source}`).toBeGreaterThan(0.25);
          else expect(heard, `${listener} does not hear ${source}`).toBeLessThan(0.002);
        }
      }
    }

    it('R-HEAR-1 R-HEAR-9: an endpoint enters deaf and mute', async () => {
      await expectHeard(await parties(), { agent: [], customer: [], supervisor: [] });
    });

    it('R-HEAR-2 R-HEAR-3 R-HEAR-4 R-HEAR-5: each phone hears in each mode whom the matrix allows, and nobody else', async () => {
      const all = await parties();
      for (const rows of Object.values(MODES)) {
        await apply(rows);
        await expectHeard(all, rows);
      }
    });

    it('PCMU and PCMA meet, forwarded and mixed', async () => {
      const all = await parties({ customer: 'PCMA', supervisor: 'PCMA' });
      for (const mode of ['R-HEAR-2 listen', 'R-HEAR-4 barge'] as const) {
        await apply(MODES[mode]);
        await expectHeard(all, MODES[mode]);
      }
    });

    it('an older version of the matrix changes nothing', async () => {
      const all = await parties();
      await bridge.applyMatrix(matrixOf(MODES['R-HEAR-2 listen']), 7);
      await bridge.applyMatrix(matrixOf(MODES['R-HEAR-4 barge']), 6);
      await expectHeard(all, MODES['R-HEAR-2 listen']);
    });

    it('R-HEAR-9: an endpoint that comes later enters the matrix in force', async () => {
      await apply(MODES['R-HEAR-2 listen']);
      await expectHeard(await parties(), MODES['R-HEAR-2 listen']);
    });

    it('an endpoint that leaves is heard no more, and its name is free again', async () => {
      const all = await parties();
      await apply(MODES['R-HEAR-4 barge']);
      const again = await Phone.open({ hz: TONES.supervisor });
      await expect(bridge.createEndpoint({ id: 'agent', offer: again.sdp() })).rejects.toThrow('agent');
      const supervisor = await join_('second', again);
      again.talk();
      await apply({ ...MODES['R-HEAR-2 listen'], customer: ['agent', 'second'] });
      await packets(all.customer, 10);
      await supervisor.close();
      await expectHeard(all, MODES['R-HEAR-2 listen']);
      await bridge.createEndpoint({ id: 'second', offer: again.sdp() });
    });

    it('music and ringback are heard by whom the matrix allows them', async () => {
      const all = await parties();
      await apply({ customer: ['music'], agent: ['ringback'], supervisor: ['music', 'customer'] });
      const from = PARTIES.map((party) => all[party].received.length);
      await Promise.all(PARTIES.map((party) => packets(all[party], 40)));
      const [agent, customer, supervisor] = PARTIES.map((party, i) => all[party].audio(from[i]).subarray(800)) as [
        Int16Array,
        Int16Array,
        Int16Array,
      ];
      expect(share(agent, RINGBACK_HZ)).toBeGreaterThan(0.8);
      expect(share(customer, MUSIC_HZ)).toBeGreaterThan(0.3);
      expect(share(customer, TONES.agent)).toBeLessThan(0.01);
      expect(share(supervisor, MUSIC_HZ)).toBeGreaterThan(0.1);
      expect(share(supervisor, TONES.customer)).toBeGreaterThan(0.25);
    });

    it.each(['rtp', 'either'] as const)(
      'makes an offer (%s), and takes a provisional and a final answer',
      async (transport) => {
        const phone = await Phone.open({ hz: 500 });
        phones.push(phone);
        const endpoint = await bridge.createEndpoint({ id: 'customer', transport });
        expect(endpoint.negotiated).toBeNull();
        expect(endpoint.offers.rtp).toBe(endpoint.localSdp);
        expect(endpoint.localSdp).toMatch(/^m=audio \d+ RTP\/AVP 0 8 101\r$/m);
        phone.peer(endpoint.localSdp);
        await endpoint.accept(phone.sdp());
        expect(endpoint.offers).toEqual({ rtp: endpoint.localSdp }); // nobody else may answer any more
        await endpoint.accept(phone.sdp());
        expect(endpoint.negotiated).toMatchObject({
          codec: 'PCMU',
          direction: 'sendrecv',
          address: '127.0.0.1',
          port: phone.port,
          dtmf: true,
        });
        await apply({ customer: ['music'] });
        await packets(phone, 5);
      },
    );

    it('hold and resume by the peer: nothing is sent to it meanwhile; port and SSRC stay', async () => {
      const customer = await Phone.open({ hz: 700 });
      const held = await join_('customer', customer);
      const agent = await Phone.open({ hz: 450 });
      await join_('agent', agent);
      agent.talk();
      customer.talk();
      await apply({ agent: ['customer'], customer: ['agent', 'music'] });
      await packets(customer, 10);
      const port = /^m=audio (\d+)/m.exec(held.localSdp)?.[1];
      const { ssrc } = await held.stats();

      const answer = await held.answer(customer.sdp({ direction: 'sendonly' }));
      expect(answer).toMatch(/^a=recvonly\r$/m);
      expect(held.negotiated?.direction).toBe('sendonly');
      await new Promise((resolve) => setTimeout(resolve, 100));
      const during = customer.received.length;
      await packets(agent, 10);
      expect(customer.received.length).toBe(during);
      // What it sends meanwhile is heard by whom the matrix allows (R-HEAR-6).
      const heard = agent.received.length;
      await packets(agent, 30);
      expect(share(agent.audio(heard), 700)).toBeGreaterThan(setup.purity);

      expect(await held.answer(customer.sdp())).toMatch(/^a=sendrecv\r$/m);
      await packets(customer, 10);
      expect(/^m=audio (\d+)/m.exec(held.localSdp)?.[1]).toBe(port);
      expect((await held.stats()).ssrc).toBe(ssrc);
      expect(new Set(customer.received.map((packet) => packet.ssrc)).size).toBe(1);
    });

    it('a re-INVITE may move the peer and change its codec', async () => {
      const agent = await Phone.open({ hz: TONES.agent });
      const customer = await Phone.open({ hz: TONES.customer });
      const elsewhere = await Phone.open({ hz: TONES.supervisor, codec: 'PCMA' });
      await join_('agent', agent);
      const endpoint = await join_('customer', customer);
      phones.push(elsewhere);
      for (const phone of [agent, customer]) phone.talk();
      await apply({ agent: ['customer'], customer: ['agent'] });
      await packets(customer, 10);

      await endpoint.answer(elsewhere.sdp());
      elsewhere.peer(endpoint.localSdp);
      elsewhere.talk();
      expect(endpoint.negotiated).toMatchObject({ codec: 'PCMA', port: elsewhere.port });
      await packets(elsewhere, 30);
      const from = agent.received.length;
      await packets(agent, 20);
      expect(share(elsewhere.audio(15), TONES.agent)).toBeGreaterThan(setup.purity);
      expect(share(agent.audio(from + 5), TONES.supervisor)).toBeGreaterThan(setup.purity);
    });

    it('telephone-events pass to the listeners that the matrix allows, and a press is reported once', async () => {
      const all = await parties();
      await apply(MODES['R-HEAR-3 whisper']);
      await packets(all.agent, 10);
      all.supervisor.press(5);
      await until(() => told.dtmf.length > 0, 'the key is reported');
      await packets(all.agent, 10);
      expect(told.dtmf).toEqual(['supervisor 5']);
      const heard = all.agent.received.filter(({ payloadType }) => payloadType === EVENT_TYPE);
      expect(new Set(heard.map(({ payload }) => payload[0]))).toEqual(new Set([5]));
      if (setup.events === 'forwarded') expect(heard).toHaveLength(6);
      expect(heard.filter(({ payload }) => (payload[1]! & 0x80) !== 0)).toHaveLength(3);
      expect(new Set(heard.map(({ timestamp }) => timestamp)).size).toBe(1);
      expect(all.customer.received.some(({ payloadType }) => payloadType === EVENT_TYPE)).toBe(false);
    });

    it('telephone-events that are collected are reported and go to nobody', async () => {
      const agent = await Phone.open({ hz: 450 });
      await join_('agent', agent);
      const supervisor = await Phone.open({ hz: 1150 });
      await join_('supervisor', supervisor, { dtmf: 'collect' });
      agent.talk();
      supervisor.talk();
      await apply({ agent: ['supervisor'], supervisor: ['agent'] });
      await packets(agent, 5);
      supervisor.press(1);
      supervisor.press(11);
      await until(() => told.dtmf.length === 2, 'both keys are reported');
      await packets(agent, 5);
      expect(told.dtmf).toEqual(['supervisor 1', 'supervisor #']);
      expect(agent.received.some(({ payloadType }) => payloadType === EVENT_TYPE)).toBe(false);
    });

    it('plays a file and a tone to one endpoint, on top of what it hears', async () => {
      const path = join(folder, 'tone.wav');
      const tone = Int16Array.from({ length: 6400 }, (_, i) => 6000 * Math.sin((2 * Math.PI * 1800 * i) / 16_000));
      writeFileSync(path, writeWav(tone, 16_000));
      const agent = await Phone.open({ hz: TONES.agent });
      const customer = await Phone.open({ hz: TONES.customer });
      const endpoint = await join_('agent', agent);
      await join_('customer', customer);
      agent.talk();
      customer.talk();
      await apply({ agent: ['customer'], customer: ['agent'] });
      await packets(agent, 10);

      for (const [source, hz] of [
        [{ kind: 'file', path }, 1800],
        [{ kind: 'tone', hz: [2300], onMs: 400 }, 2300],
      ] as const) {
        const from = agent.received.length;
        const playback = endpoint.play(source);
        await playback.done;
        const played = agent.audio(from + 5);
        expect(share(played, hz)).toBeGreaterThan(0.2);
        expect(share(played, TONES.customer)).toBeGreaterThan(0.2);
        expect(share(customer.audio(customer.received.length - 10), hz)).toBeLessThan(0.002);
      }
      const endless = endpoint.play({ kind: 'tone', hz: [2300], onMs: 100, loop: true });
      await packets(agent, 20);
      endless.stop();
      await endless.done;
      await packets(agent, 15);
      expect(share(agent.audio(agent.received.length - 5), 2300)).toBeLessThan(0.002);
      await endpoint.play({ kind: 'file', path: join(folder, 'missing.wav') }).done;
    });

    it('tells levels only while they are watched', async () => {
      const all = await parties();
      all.customer.hush();
      await new Promise((resolve) => setTimeout(resolve, 300));
      expect(told.levels).toHaveLength(0);
      bridge.watchLevels(true);
      await until(() => told.levels.length >= 3, 'levels are told');
      await until(() => (told.levels.at(-1)?.get('customer') ?? 0) < -60, 'the level of who is silent has fallen');
      bridge.watchLevels(false);
      const levels = told.levels.at(-1)!;
      // 6000 of 32768, a sine: -17.8 dBov
      expect(levels.get('agent')).toBeGreaterThan(-19);
      expect(levels.get('agent')).toBeLessThan(-16);
    });

    it('tells when a peer that should send is silent', async () => {
      const all = await parties();
      all.customer.hush();
      await until(() => told.silence.length > 0, 'silence is told', (setup.silenceSeconds + 10) * 1000);
      expect(told.silence[0]).toMatch(/^customer \d+$/);
    });

    it('refuses what is no SDP, and what it cannot speak', async () => {
      const phone = await Phone.open();
      phones.push(phone);
      for (const offer of ['', 'hello', 'v=0\r\n', 'v=0\r\no=\r\nm=audio\r\n', phone.sdp().replace(/^c=.*\r\n/m, '')]) {
        await expect(bridge.createEndpoint({ id: 'x', offer })).rejects.toMatchObject({ code: 'sdp_invalid' });
      }
      for (const offer of [
        phone
          .sdp()
          .replace(/RTP\/AVP 0 101/, 'RTP/AVP 18')
          .replace(/a=rtpmap.*\r\n/g, ''),
      ]) {
        await expect(bridge.createEndpoint({ id: 'x', offer })).rejects.toMatchObject({ code: 'sdp_unacceptable' });
      }
      const endpoint = await bridge.createEndpoint({ id: 'x' }); // nothing was kept of the refused ones
      await expect(endpoint.accept('v=0\r\n')).rejects.toBeInstanceOf(MediaError);
    });

    it('closes once and for all', async () => {
      const all = await parties();
      await apply(MODES['R-HEAR-4 barge']);
      await packets(all.customer, 5);
      await Promise.all([bridge.close(), bridge.close()]);
      await bridge.close();
      await new Promise((resolve) => setTimeout(resolve, 100));
      const heard = PARTIES.map((party) => all[party].received.length);
      await new Promise((resolve) => setTimeout(resolve, 200));
      expect(PARTIES.map((party) => all[party].received.length)).toEqual(heard);
      await expect(apply(MODES['R-HEAR-4 barge'])).rejects.toMatchObject({ code: 'closed' });
      await expect(bridge.createEndpoint({ id: 'late' })).rejects.toMatchObject({ code: 'closed' });
    });
  });
}
