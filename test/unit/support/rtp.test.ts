import { describe, expect, test } from 'vitest';
import { aLawDecode, aLawEncode, muLawDecode, muLawEncode } from '../../support/g711.ts';
import { continuityFaults, readRtp, writeRtp } from '../../support/rtp.ts';
import type { RtpPacket } from '../../support/rtp.ts';

function packets(count: number): RtpPacket[] {
  return Array.from({ length: count }, (_, i) => ({
    payloadType: 0,
    marker: i === 0,
    sequence: (65530 + i) & 0xffff,
    timestamp: (0xffffff00 + 160 * i) >>> 0,
    ssrc: 7,
    payload: Buffer.from([1, 2, 3]),
  }));
}

describe('RTP packets', () => {
  test('are read as they were written', () => {
    const packet = packets(1)[0]!;
    expect(readRtp(writeRtp(packet))).toEqual(packet);
  });

  test('CSRC list, extension and padding are not payload', () => {
    const head = Buffer.from([0x80 | 0x20 | 0x10 | 1, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 9, 9, 9, 9]);
    const extension = Buffer.from([0xbe, 0xde, 0, 1, 5, 5, 5, 5]);
    const read = readRtp(Buffer.concat([head, extension, Buffer.from([42, 0, 2])]));
    expect(read?.payload).toEqual(Buffer.from([42]));
  });

  test('anything else is refused', () => {
    expect(readRtp(Buffer.from('hello, world, again'))).toBeNull();
    expect(readRtp(Buffer.alloc(11, 0x80))).toBeNull();
    expect(readRtp(Buffer.alloc(12, 0x8f))).toBeNull();
  });
});

describe('continuity', () => {
  test('an unbroken stream has no faults, also where the numbers wrap', () => {
    expect(continuityFaults(packets(20))).toEqual([]);
  });

  test.each([
    ['a lost packet', (list: RtpPacket[]) => void list.splice(5, 1), /sequence number steps by 2/],
    ['a doubled packet', (list: RtpPacket[]) => void list.splice(5, 0, list[5]!), /sequence number steps by 0/],
    ['a new SSRC', (list: RtpPacket[]) => void (list[9] = { ...list[9]!, ssrc: 8 }), /SSRC 7 became 8/],
    ['a jump in time', (list: RtpPacket[]) => void (list[9] = { ...list[9]!, timestamp: 0 }), /timestamp steps by/],
    [
      'another codec',
      (list: RtpPacket[]) => void (list[9] = { ...list[9]!, payloadType: 8 }),
      /payload type 0 became 8/,
    ],
  ])('%s is found', (_, damage, fault) => {
    const list = packets(20);
    damage(list);
    expect(continuityFaults(list).join('\n')).toMatch(fault);
  });
});

describe('G.711', () => {
  test('values of ITU-T G.711 tables 1 and 2', () => {
    expect([0xff, 0x7f, 0x80, 0x00].map(muLawDecode).map((v) => v + 0)).toEqual([0, 0, 32124, -32124]);
    expect([0xd5, 0x55, 0xaa, 0x2a].map(aLawDecode)).toEqual([8, -8, 32256, -32256]);
  });

  test('every code word decodes to a value that is encoded to it again', () => {
    for (let byte = 0; byte < 256; byte += 1) {
      expect(aLawEncode(aLawDecode(byte))).toBe(byte);
      if (byte !== 0x7f) expect(muLawEncode(muLawDecode(byte))).toBe(byte); // 0x7f is the second zero
    }
  });
});
