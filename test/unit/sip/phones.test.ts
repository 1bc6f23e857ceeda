import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { configSchema } from '../../../src/config/schema.ts';
import { createSignalling, loadPhoneProfiles, phoneProfileNames, PhoneProfileError } from '../../../src/sip/index.ts';

let folder: string | null = null;

function load(text: string): ReturnType<typeof loadPhoneProfiles> {
  folder = mkdtempSync(join(tmpdir(), 'phones-'));
  writeFileSync(join(folder, 'test.yaml'), text);
  return loadPhoneProfiles(folder);
}

afterEach(() => {
  if (folder !== null) rmSync(folder, { recursive: true });
  folder = null;
});

describe('phone profiles', () => {
  it('has one per maker, the widest being generic, and none that rings (R-START-3)', () => {
    const profiles = loadPhoneProfiles();
    const makers = ['aastra', 'cisco', 'generic', 'grandstream', 'none', 'polycom', 'rfc5373', 'snom', 'yealink'];
    expect([...profiles.keys()]).toEqual(makers);
    expect(phoneProfileNames()).toEqual(makers);
    expect(Object.keys(profiles.get('generic')?.headers ?? {})).toEqual(['Call-Info', 'Alert-Info', 'Answer-Mode']);
    expect(profiles.get('none')).toMatchObject({ autoAnswer: false, headers: {} });
    for (const [name, profile] of profiles) expect([name, profile.autoAnswer]).toEqual([name, name !== 'none']);
  });

  it.each([
    ['description: x\nautoAnswer: true\nnotes: y\nheaders: { To: z }', /test\.yaml: headers\.To: /],
    ['description: x\nautoAnswer: true\nnotes: y\nheaders: { Alert-Info: "a\\r\\nVia: b" }', /Alert-Info: one line/],
    ['description: x\nautoAnswer: true\nnotes: y', /headers: expected with autoAnswer: true/],
    ['description: x\nautoAnswer: false\nnotes: y\nheaders: { Alert-Info: z }', /headers: expected with autoAnswer/],
    ['autoAnswer: yes please', /description: /],
    ['{', /test\.yaml: not readable as YAML/],
    ['', /\(whole file\)/],
  ])('says what is wrong with %j', (text, expected) => {
    expect(() => load(text)).toThrow(expected);
    expect(() => load(text)).toThrow(PhoneProfileError);
  });

  it('says where a user names a profile that does not exist', () => {
    const config = configSchema.parse({
      users: [
        { id: 'sam', name: 'Sam', role: 'supervisor', extension: '2001', password: 'p', phone: { profile: 'nokia' } },
      ],
    });
    const clock = { now: () => 0, after: () => () => undefined };
    const srfOptions = { host: '127.0.0.1', port: 1, secret: 'x' };
    expect(() => createSignalling({ config, srfOptions, log: () => undefined, clock })).toThrow(
      /users\[0\]\.phone\.profile: no profile nokia; expected one of aastra/,
    );
  });
});
