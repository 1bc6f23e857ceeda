/** What only the embedded engine promises: every frame once over real sockets, who may send, RTCP, ports, threads. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Bridge, BridgeEvents, Endpoint, EndpointOptions } from '../../../media/engine.ts';
import { createMediasoupEngine } from '../../../media/mediasoup/index.ts';
import type { EmbeddedEngine } from '../../../media/mediasoup/index.ts';
import { ThreadHandle } from '../../../media/worker/handle.ts';
import { matrixOf } from './contract.ts';
import { NUMBERS_CYCLE, packets, Phone, share, until } from './phone.ts';

const LISTEN = matrixOf({ agent: ['customer'], customer: ['agent'], supervisor: ['agent', 'customer'] });
const WHISPER = matrixOf({ ...Object.fromEntries(LISTEN), agent: ['customer', 'supervisor'] });
const BARGE = matrixOf({
  agent: ['customer', 'supervisor'],
  customer: ['agent', 'supervisor'],
  supervisor: ['agent', 'customer'],
});
const PAUSED = matrixOf({ agent: ['customer'], customer: ['agent'] });

function quiet(events: Partial<BridgeEvents> = {}): BridgeEvents {
  return { onDtmf() {}, onSilence() {}, onLevels() {}, onLost() {}, ...events };
}

describe('embedded engine, over RTP', { timeout: 30_000 }, () => {
  let engine: EmbeddedEngine;
  let bridge: Bridge;
  const phones: Phone[] = [];

  async function start(
    rtpPorts: [number, number],
    threads = 1,
    address = '127.0.0.1',
    announcedAddress = '127.0.0.1',
  ): Promise<void> {
    engine = await createMediasoupEngine({ address, announcedAddress, rtpPorts, codecs: ['PCMU', 'PCMA'], threads });
    bridge = await engine.createBridge('call', quiet());
  }

  beforeEach(() => start([42_000, 42_099]));

  afterEach(async () => {
    vi.restoreAllMocks();
    for (const phone of phones.splice(0)) phone.close();
    await engine.close();
  });

  async function join(id: string, phone: Phone, options: Partial<EndpointOptions> = {}): Promise<Endpoint> {
    phones.push(phone);
    const endpoint = await bridge.createEndpoint({ id, offer: phone.sdp(), ...options });
    phone.peer(endpoint.localSdp);
    return endpoint;
  }

  it('R-HEAR-8: starting, switching, pausing and stopping costs agent and customer not one frame', async () => {
    const [agent, customer, supervisor] = await Promise.all([
      Phone.open(),
      Phone.open({ codec: 'PCMA' }),
      Phone.open({ hz: 1000 }),
    ]);
    await join('agent', agent);
    await join('customer', customer);
    await join('supervisor', supervisor, { dtmf: 'collect' });
    for (const phone of [agent, customer]) phone.talk(); // the supervisor says nothing, so that frames can be read
    let version = 0;
    await bridge.applyMatrix(PAUSED, ++version);
    await packets(agent, 5);
    for (let i = 0; i < 100; i++) {
      await bridge.applyMatrix([LISTEN, WHISPER, BARGE, PAUSED, WHISPER][i % 5]!, ++version);
      await new Promise((resolve) => setTimeout(resolve, 5 + Math.random() * 50));
    }
    await bridge.applyMatrix(PAUSED, ++version);
    await new Promise((resolve) => setTimeout(resolve, 200));
    for (const phone of [agent, customer]) phone.hush();
    for (const phone of [agent, customer]) {
      const { received } = phone;
      expect(received.length).toBeGreaterThan(100);
      const numbers = phone.frames();
      numbers.forEach((number, i) => i > 0 && expect(number, `frame ${i}`).toBe((numbers[i - 1]! + 1) % NUMBERS_CYCLE));
      received.forEach((packet, i) => {
        if (i === 0) return;
        expect((packet.sequence - received[i - 1]!.sequence) & 0xffff).toBe(1);
        expect((packet.timestamp - received[i - 1]!.timestamp) >>> 0).toBe(160);
        expect(packet.ssrc).toBe(received[0]!.ssrc);
        expect(packet.payloadType).toBe(received[0]!.payloadType);
      });
    }
  });

  it('an unmonitored call is forwarded without a mixing step, also again after a mix', async () => {
    const [agent, customer] = await Promise.all([Phone.open({ hz: 450 }), Phone.open({ hz: 700 })]);
    const endpoint = await join('agent', agent);
    await join('customer', customer);
    for (const phone of [agent, customer]) phone.talk();
    await bridge.applyMatrix(PAUSED, 1);
    await packets(agent, 20);
    expect((await engine.threadStats())[0]!.ticks).toBe(0);
    await endpoint.play({ kind: 'tone', hz: [2000], onMs: 200 }).done;
    await packets(agent, 5);
    const after = (await engine.threadStats())[0]!.ticks;
    expect(after).toBeGreaterThanOrEqual(10);
    await packets(agent, 20);
    expect((await engine.threadStats())[0]!.ticks).toBe(after);
    expect(share(agent.audio(agent.received.length - 15), 700)).toBeGreaterThan(0.95);
  });

  it.each([
    ['127.0.0.1', 'the kernel drops the others'],
    ['0.0.0.0', 'the others are counted'],
  ])('takes packets from the address and port in the SDP only: at %s %s', async (address) => {
    await engine.close();
    await start([42_000, 42_099], 1, address);
    const [agent, customer, stranger] = await Promise.all([
      Phone.open(),
      Phone.open({ hz: 700 }),
      Phone.open({ hz: 2000 }),
    ]);
    await join('agent', agent);
    const endpoint = await join('customer', customer, { signallingAddress: '127.0.0.1' });
    phones.push(stranger);
    stranger.peer(endpoint.localSdp);
    await bridge.applyMatrix(PAUSED, 1);
    stranger.talk();
    await until(() => stranger.sent > 10, 'the stranger has talked');
    customer.talk();
    await packets(agent, 20);
    stranger.hush();
    const { packetsRejected, packetsReceived } = await endpoint.stats();
    if (address === '127.0.0.1') expect(packetsRejected).toBe(0);
    else expect(packetsRejected).toBeGreaterThan(10);
    expect(packetsReceived).toBeLessThanOrEqual(customer.sent);
    expect(share(agent.audio(), 2000)).toBeLessThan(0.001);
  });

  it('behind NAT it tells peers the announced address, and RTP reaches its own', async () => {
    await engine.close();
    await start([42_000, 42_099], 1, '127.0.0.1', '192.0.2.7');
    const [agent, customer] = await Promise.all([Phone.open(), Phone.open({ hz: 700 })]);
    const descriptions = [(await join('agent', agent)).localSdp, (await join('customer', customer)).localSdp];
    for (const [index, phone] of [agent, customer].entries()) {
      const sdp = descriptions[index]!;
      expect(/^c=IN IP4 (\S+)\r$/m.exec(sdp)?.[1]).toBe('192.0.2.7');
      expect(sdp).not.toContain('127.0.0.1');
      phone.peer(sdp.replaceAll('192.0.2.7', '127.0.0.1')); // the NAT
    }
    await bridge.applyMatrix(PAUSED, 1);
    customer.talk();
    await packets(agent, 10);
    expect(share(agent.audio(), 700)).toBeGreaterThan(0.9);
  });

  it('a peer whose port opens late is heard, and hears, from then on', async () => {
    const [agent, customer] = await Promise.all([Phone.open({ hz: 450 }), Phone.open({ hz: 700 })]);
    await join('agent', agent);
    const { port } = customer;
    const offer = customer.sdp();
    customer.close();
    const endpoint = await bridge.createEndpoint({ id: 'customer', offer });
    await bridge.applyMatrix(PAUSED, 1);
    agent.talk();
    await until(() => agent.sent > 10, 'nobody was there to hear it'); // the peer's machine says so each time (ICMP)
    const late = await Phone.open({ hz: 700, port });
    phones.push(late);
    late.peer(endpoint.localSdp);
    late.talk();
    await packets(agent, 10);
    await packets(late, 10);
    expect(share(agent.audio(), 700)).toBeGreaterThan(0.9);
    expect(share(late.audio(), 450)).toBeGreaterThan(0.9);
  });

  it('a peer behind NAT is found by its first packet from the signalling address; afterwards nobody else is', async () => {
    const [agent, customer] = await Promise.all([Phone.open({ hz: 450 }), Phone.open({ hz: 700 })]);
    const [stranger, neighbour] = await Promise.all([
      Phone.open({ hz: 2000, address: '127.0.0.3' }),
      Phone.open({ hz: 2500 }),
    ]);
    await join('agent', agent);
    phones.push(customer, stranger, neighbour);
    const endpoint = await bridge.createEndpoint({
      id: 'customer',
      offer: customer.sdp({ address: '127.0.0.9' }), // its own idea of where it is
      signallingAddress: '127.0.0.1',
    });
    for (const phone of [customer, stranger, neighbour]) phone.peer(endpoint.localSdp);
    await bridge.applyMatrix(PAUSED, 1);
    agent.talk();
    stranger.talk();
    await until(() => stranger.sent > 5, 'the stranger has talked');
    expect((await endpoint.stats()).packetsReceived).toBe(0);
    customer.send(Buffer.from('not RTP')); // is no valid packet and finds nothing
    customer.talk();
    await packets(agent, 5);
    neighbour.talk(); // the same address, another port
    await packets(customer, 10);
    await packets(agent, 10);
    expect(share(agent.audio(), 700)).toBeGreaterThan(0.9);
    expect(stranger.received).toHaveLength(0);
    expect(neighbour.received).toHaveLength(0);
  });

  it('survives whatever is sent to its ports', async () => {
    const [agent, customer] = await Promise.all([Phone.open(), Phone.open()]);
    await join('agent', agent);
    const endpoint = await join('customer', customer);
    await bridge.applyMatrix(LISTEN, 1);
    const valid = customer.packet(0, Buffer.alloc(160));
    const broken = [
      Buffer.alloc(0),
      valid.subarray(0, 11),
      Buffer.concat([Buffer.from([0x40]), valid.subarray(1)]), // version 1
      Buffer.concat([Buffer.from([0x8f]), valid.subarray(1, 20)]), // 15 contributing sources that are not there
      Buffer.concat([Buffer.from([0x90]), valid.subarray(1, 12), Buffer.from([0, 0, 0xff, 0xff])]), // endless extension
      Buffer.concat([Buffer.from([0xa0]), valid.subarray(1, 171), Buffer.from([0xff])]), // more padding than packet
      customer.packet(77, Buffer.alloc(160)), // a payload type that nobody agreed to
      customer.packet(0, Buffer.alloc(1600)), // larger than a packet is
    ];
    for (const packet of broken) customer.send(packet);
    for (let i = 0; i < 200; i++)
      customer.send(Buffer.from(Array.from({ length: i }, () => Math.floor(Math.random() * 256))));
    customer.talk();
    await packets(agent, 5);
    const { packetsRejected } = await endpoint.stats();
    expect(packetsRejected).toBeGreaterThanOrEqual(broken.length);
  });

  it('reports by RTCP beside RTP or on its port, and says BYE', async () => {
    const [agent, customer] = await Promise.all([Phone.open({ hz: 450 }), Phone.open({ hz: 700 })]);
    await join('agent', agent);
    phones.push(customer);
    const muxed = await bridge.createEndpoint({ id: 'customer', offer: customer.sdp({ mux: true }) });
    expect(muxed.localSdp).toMatch(/^a=rtcp-mux\r$/m);
    customer.peer(muxed.localSdp);
    for (const phone of [agent, customer]) phone.talk();
    await bridge.applyMatrix(PAUSED, 1);
    await until(() => agent.rtcpBeside.length > 0 && customer.rtcp.length > 0, 'both have a report', 15_000);
    const report = agent.rtcpBeside.at(-1)!;
    expect(report[1]).toBe(200); // sender report
    expect(report.readUInt32BE(4)).toBe(agent.received[0]!.ssrc);
    expect(report.readUInt32BE(28)).toBe(agent.ssrc); // about the agent as a source
    expect(customer.rtcpBeside).toHaveLength(0);
    await bridge.close();
    await until(
      () => agent.rtcpBeside.at(-1)!.readUInt32BE(agent.rtcpBeside.at(-1)!.length - 8) >>> 16 === 0x81cb,
      'BYE has come',
    );
  });

  it('a dead media thread: its calls are told once, and the next call finds a new thread', async () => {
    const request = vi.spyOn(ThreadHandle.prototype, 'request');
    const lost: string[] = [];
    const doomed = await engine.createBridge('doomed', quiet({ onLost: (error) => lost.push(error.code) }));
    const [thread] = request.mock.contexts as ThreadHandle[];
    const phone = await Phone.open();
    phones.push(phone);
    const endpoint = await doomed.createEndpoint({ id: 'customer', offer: phone.sdp() });
    const playback = endpoint.play({ kind: 'tone', hz: [400], onMs: 10_000 });

    await expect(thread!.request({ type: 'nonsense' } as never)).rejects.toMatchObject({ code: 'engine_lost' });
    await until(() => lost.length > 0, 'the call is told');
    await playback.done;
    await expect(endpoint.stats()).rejects.toMatchObject({ code: 'closed' });
    await expect(doomed.applyMatrix(LISTEN, 1)).rejects.toMatchObject({ code: 'closed' });
    await doomed.close();

    bridge = await engine.createBridge('next', quiet());
    const customer = await Phone.open();
    await join('customer', customer);
    await bridge.applyMatrix(matrixOf({ customer: ['music'] }), 1);
    await packets(customer, 5);
    expect(lost).toEqual(['engine_lost']);
  });

  it("ports: another program's are passed over, all are given back, and their end is said", async () => {
    await engine.close();
    const other = createSocket('udp4').bind(42_103, '127.0.0.1'); // where RTCP of 42102 would be
    await once(other, 'listening');
    await start([42_100, 42_105]);
    const endpoints = await Promise.all([bridge.createEndpoint({ id: '1' }), bridge.createEndpoint({ id: '2' })]);
    const ports = endpoints.map(({ localSdp }) => Number(/^m=audio (\d+)/m.exec(localSdp)?.[1]));
    expect(ports.toSorted()).toEqual([42_100, 42_104]);
    await expect(bridge.createEndpoint({ id: '3' })).rejects.toMatchObject({ code: 'ports_exhausted' });
    await endpoints[0].close();
    const again = await bridge.createEndpoint({ id: '3' });
    expect(again.localSdp).toContain(`m=audio ${ports[0]} `);
    await bridge.close();
    bridge = await engine.createBridge('next', quiet());
    await Promise.all([bridge.createEndpoint({ id: '1' }), bridge.createEndpoint({ id: '2' })]);
    other.close();
  });

  it('says at once when it is given an address, codecs or music that it cannot use', async () => {
    const good = { address: '127.0.0.1', rtpPorts: [42_000, 42_099], codecs: ['PCMU'] } as const;
    await expect(createMediasoupEngine({ ...good, address: '192.0.2.1' })).rejects.toThrow('media.address: 192.0.2.1');
    await expect(createMediasoupEngine({ ...good, codecs: ['opus'] })).rejects.toThrow('media.codecs');
    await expect(createMediasoupEngine({ ...good, music: import.meta.filename })).rejects.toThrow('WAV');
  });

  it('calls are spread over the threads, and closing the engine closes them', async () => {
    await engine.close();
    await engine.close();
    await expect(engine.createBridge('late', quiet())).rejects.toMatchObject({ code: 'closed' });
    await start([42_000, 42_099], 2);
    for (let i = 0; i < 5; i++) await engine.createBridge(`call ${i}`, quiet());
    expect((await engine.threadStats()).map(({ bridges }) => bridges)).toEqual([3, 3]);
  });
});
