import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { parse } from 'yaml';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { configJsonSchema, configJsonSchemaText } from '../../../src/config/json-schema.ts';
import { faultLine } from '../../../src/config/faults.ts';
import { loadConfig, parseConfig } from '../../../src/config/load.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));

/** The sample of the contract, word by word. */
const SAMPLE = `
sip:
  server: embedded                 # or: drachtio
  drachtio: { host: 127.0.0.1, port: 9022, secret: cymru }    # where server is drachtio
  listen: ["udp://127.0.0.1:5060", "tcp://127.0.0.1:5060", "ws://127.0.0.1:5066"]
  domain: earshot.local
media:
  engine: mediasoup                # or: freeswitch
  address: 127.0.0.1               # where phones send their RTP
  rtpPorts: [20000, 29999]
  codecs: [PCMU, PCMA]
  freeswitch: [{ host: 127.0.0.1, port: 8021, secret: ClueCon }]
api:
  listen: 127.0.0.1:8080
  tokens: [{ user: sam, token: "secret-of-sam" }]      # or sha256: ...
teams: [{ id: sales, name: Sales }]
users:
  - { id: alice, name: Alice, role: agent, team: sales, extension: "1001", password: "pw-alice" }
  - { id: sam, name: Sam, role: supervisor, teams: [sales], extension: "2001", password: "pw-sam",
      permissions: [listen, whisper, barge, takeover, transfer, assign, end], phone: { profile: generic } }
  - { id: root, name: Root, role: admin, extension: "3001", password: "pw-root" }
queues: [{ id: sales, name: Sales, team: sales, numbers: ["8000"], wrapUpSeconds: 0 }]
trunks: [{ id: pstn, hosts: ["127.0.0.1"], outbound: "sip:127.0.0.1:5070", numbers: ["+44*"] }]   # calls from these hosts
policy: { exclusivity: agent, monitorWhenStatus: [available], ringSeconds: 20, disclosure: none, transfer: blind }
`;

/** The faults of a text, one line each. */
function faultsOf(text: string): string[] {
  return (parseConfig(text).faults ?? []).map((fault) => faultLine('f', fault));
}

type Editable = Record<string, Record<string, unknown> & Record<string, unknown>[]>;

/** The faults of the sample after an edit. */
function edited(edit: (config: Editable) => void): string[] {
  const config = parse(SAMPLE) as Editable;
  edit(config);
  return faultsOf(JSON.stringify(config));
}

describe('a sound configuration', () => {
  test('the sample of the contract is accepted as it stands', () => {
    const { config, faults } = parseConfig(SAMPLE);
    expect(faults).toBeUndefined();
    expect(config?.users.map((user) => user.id)).toEqual(['alice', 'sam', 'root']);
    expect(config?.media.rtpPorts).toEqual([20000, 29999]);
    expect(config?.shutdown.drainSeconds).toBe(30);
  });

  test('JSON is accepted and means the same', () => {
    expect(parseConfig(JSON.stringify(parse(SAMPLE))).config).toEqual(parseConfig(SAMPLE).config);
  });

  test('an empty file means all defaults, on loopback', () => {
    const { config } = parseConfig('# nothing\n');
    expect(config?.sip.listen).toEqual(['udp://127.0.0.1:5060', 'tcp://127.0.0.1:5060', 'ws://127.0.0.1:5066']);
    expect(config?.api.listen).toBe('127.0.0.1:8080');
  });

  test('the default configuration is valid, and points editors to the schema', async () => {
    expect((await loadConfig(join(root, 'config/earshot.yaml'))).faults).toBeUndefined();
    const text = readFileSync(join(root, 'config/earshot.yaml'), 'utf8');
    expect(text.split('\n')[0]).toBe('# yaml-language-server: $schema=./earshot.schema.json');
  });
});

describe('the JSON Schema', () => {
  test('config/earshot.schema.json is what the schema generates', () => {
    expect(readFileSync(join(root, 'config/earshot.schema.json'), 'utf8')).toBe(configJsonSchemaText());
  });

  test('it accepts the sample and the default, and refuses an unknown field', () => {
    const validate = new Ajv2020({ strict: false }).compile(configJsonSchema());
    expect(validate(parse(SAMPLE))).toBe(true);
    expect(validate(parse(readFileSync(join(root, 'config/earshot.yaml'), 'utf8')))).toBe(true);
    expect(validate({ sip: { listen: [] } })).toBe(false);
  });

  test('every field is described', () => {
    const bare: string[] = [];
    const walk = (schema: Record<string, unknown>, path: string): void => {
      for (const [name, child] of Object.entries((schema['properties'] ?? {}) as Record<string, typeof schema>)) {
        if (typeof child['description'] !== 'string') bare.push(`${path}.${name}`);
        walk(child, `${path}.${name}`);
      }
      if (typeof schema['items'] === 'object') walk(schema['items'] as typeof schema, `${path}[]`);
    };
    walk(configJsonSchema(), '');
    expect(bare).toEqual([]);
  });
});

describe('faults', () => {
  test('all at once, each with line, column, path, what is wrong and what is expected', () => {
    const lines = faultsOf(
      [
        'sip: { listen: ["udp://127.0.0.1:5060", "foo"], server: x }',
        'users:',
        '  - id: a',
        '    extension: 1001',
        '    password: x',
        '    role: agent',
        '    name: A',
        '  - { id: a, extension: "10", password: x, role: agent, name: B, team: nix, bogus: 1 }',
      ].join('\n'),
    );
    expect(lines).toEqual([
      'f:1:41 sip.listen[1]: "foo" is not valid; expected an address like udp://127.0.0.1:5060 (udp, tcp, tls, ws, wss)',
      'f:1:49 sip.server: "x" is not valid; expected one of embedded, drachtio',
      'f:3:5 users[0].team: is missing; expected the id of a team for an agent',
      'f:4:5 users[0].extension: 1001 is not valid; expected a text (in quotes if it looks like a number)',
      'f:8:7 users[1].id: "a" is used already by users[0].id; expected one that nothing else has',
      'f:8:66 users[1].team: no team has the id "nix"; expected one of (there are none)',
      'f:8:77 users[1].bogus: is not a known field; expected one of the fields that the schema names',
    ]);
  });

  test.each<[string, (config: Editable) => void, RegExp]>([
    ['team of a supervisor', (c) => (c['users']![1]!['teams'] = ['sales', 'nix']), /users\[1\]\.teams\[1\]: no team/],
    ['team of a queue', (c) => (c['queues']![0]!['team'] = 'nix'), /queues\[0\]\.team: no team has the id "nix"/],
    ['duplicate extension', (c) => (c['users']![1]!['extension'] = '1001'), /users\[1\]\.extension: "1001" is used/],
    ['extension against queue number', (c) => (c['queues']![0]!['numbers'] = ['1001']), /queues\[0\]\.numbers\[0\]/],
    ['duplicate queue', (c) => c['queues']!.push({ ...c['queues']![0]!, numbers: [] }), /queues\[1\]\.id/],
    ['duplicate team', (c) => c['teams']!.push({ id: 'sales', name: 'S' }), /teams\[1\]\.id: "sales" is used/],
    ['duplicate trunk', (c) => c['trunks']!.push({ id: 'pstn' }), /trunks\[1\]\.id/],
    ['host of two trunks', (c) => c['trunks']!.push({ id: 'b', hosts: ['127.0.0.1'] }), /trunks\[1\]\.hosts\[0\]/],
    [
      'token for unknown user',
      (c) => (c['api']!['tokens'] = [{ user: 'x', token: 't' }]),
      /tokens\[0\]\.user: no user/,
    ],
    ['token missing', (c) => (c['api']!['tokens'] = [{ user: 'sam' }]), /tokens\[0\]: has no token/],
    [
      'the same token, once in clear and once as hash',
      (c) =>
        (c['api']!['tokens'] = [
          { user: 'sam', token: 't' },
          { user: 'root', sha256: createHash('sha256').update('t').digest('hex') },
        ]),
      /tokens\[1\]: the same token is used already by api\.tokens\[0\]/,
    ],
    [
      'trunk pattern',
      (c) => (c['trunks']![0]!['numbers'] = ['+4*4']),
      /trunks\[0\]\.numbers\[0\]: "\+4\*4" is not valid/,
    ],
    ['numbers without a way out', (c) => delete c['trunks']![0]!['outbound'], /trunks\[0\]\.outbound: is missing/],
    ['network too long', (c) => (c['trunks']![0]!['hosts'] = ['10.0.0.0/8', '10.0.0.0/33']), /trunks\[0\]\.hosts\[1\]/],
    ['reversed port range', (c) => (c['media']!['rtpPorts'] = [30000, 20000]), /media\.rtpPorts: 30000 to 20000/],
    ['unknown phone profile', (c) => (c['users']![1]!['phone'] = { profile: 'x' }), /phone\.profile: no phone profile/],
    [
      'port above 65535',
      (c) => (c['sip']!['listen'] = ['udp://127.0.0.1:99999']),
      /sip\.listen\[0\]: .* not an address/,
    ],
    [
      'mistyped address',
      (c) => (c['media']!['address'] = '127.0.0.300'),
      /media\.address: "127\.0\.0\.300" is no address/,
    ],
    ['tls without certificate', (c) => (c['sip']!['listen'] = ['tls://127.0.0.1:5061']), /sip\.tls: is missing/],
    [
      'same listener twice',
      (c) => (c['sip']!['listen'] = ['udp://127.0.0.1:1', 'udp://127.0.0.1:1']),
      /sip\.listen\[1\]/,
    ],
    ['feature codes', (c) => (c['featureCodes'] = { whisper: '*12' } as never), /featureCodes\.whisper: "\*12" begins/],
  ])('%s', (_name, edit, expected) => {
    const lines = edited(edit);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(expected);
  });

  test('demo passwords and tokens are refused as soon as one listener leaves loopback', () => {
    for (const edit of [
      (c: Editable): unknown => (c['sip']!['listen'] = ['udp://127.0.0.1:5060', 'udp://192.0.2.1:5060']),
      (c: Editable): unknown => (c['api']!['listen'] = '0.0.0.0:8080'),
    ]) {
      const lines = edited(edit);
      expect(lines.map((line) => line.replace(/^f:\S+ ([^:]+):.*$/, '$1'))).toEqual([
        'api.tokens[0].token',
        'users[0].password',
        'users[1].password',
        'users[2].password',
      ]);
      expect(lines[0]).toContain('is a demo secret');
    }
    const loopback = edited((c) => (c['sip']!['listen'] = ['udp://127.9.9.9:5060', 'tcp://localhost:5060']));
    expect(loopback).toEqual([]);
  });

  test('the robots of the demo are agents of this machine only', () => {
    const demo = { agent: 'alice', customer: '+441632960009', dials: '8000' } as never;
    expect(edited((c) => (c['demo'] = demo))).toEqual([]);
    const lines = edited((c) => {
      c['demo'] = { ...(demo as object), agent: 'nobody' } as never;
      c['sip']!['listen'] = ['udp://192.0.2.1:5060'];
    });
    expect(lines.join('\n')).toMatch(/demo\.agent: no user has the id "nobody"/);
    expect(lines.join('\n')).toMatch(/demo: is for this machine only, but sip\.listen\[0\]/);
  });

  test('the hash of a demo token is a demo token', () => {
    const sha256 = createHash('sha256').update('secret-of-sam').digest('hex');
    const lines = edited((c) => {
      c['api'] = { listen: '0.0.0.0:8080', tokens: [{ user: 'sam', sha256 }] } as never;
      c['users'] = c['users']!.map((user) => ({ ...user, password: 'own' })) as never;
    });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/api\.tokens\[0\]\.sha256: is a demo secret/);
  });

  test('no fault shows a secret', () => {
    const lines = edited((c) => {
      c['users']![0]!['password'] = 4711471147;
      c['api']!['tokens'] = [{ user: 'sam', sha256: 'not-a-hash-but-secret' }];
    });
    expect(lines).toHaveLength(2);
    expect(lines.join('\n')).not.toMatch(/4711471147|not-a-hash-but-secret/);
  });
});

describe('hostile files', () => {
  test('an alias bomb is refused', () => {
    const rows = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]'];
    for (let i = 1; i < 9; i++)
      rows.push(`a${i}: &a${i} [${Array.from({ length: 10 }, () => `*a${i - 1}`).join(', ')}]`);
    expect(faultsOf(rows.join('\n'))[0]).toMatch(/not valid YAML: .*alias/i);
  });

  test('deep nesting is refused', () => {
    const lines = faultsOf('['.repeat(100_000));
    expect(lines[0]).toContain('is not valid YAML');
    expect(lines.length).toBeLessThanOrEqual(10);
  });

  test('duplicate keys, bad indentation, scalars and lists in place of a map', () => {
    expect(faultsOf('sip: {}\nsip: {}')[0]).toMatch(/^f:2:1 \(file\): is not valid YAML: .*unique/);
    expect(faultsOf('a: 1\n b: 2').join()).toContain('is not valid YAML');
    expect(faultsOf('[1, 2]')).toEqual(['f (file): a list is not valid; expected a map of fields']);
    expect(faultsOf('just text')).toEqual(['f (file): "just text" is not valid; expected a map of fields']);
    expect(faultsOf('__proto__: { sip: 1 }')[0]).toContain('is not a known field');
  });

  test('any text gives a configuration or faults, never an exception', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.object().map((o) => JSON.stringify(o)),
        ),
        (text) => {
          const { config, faults } = parseConfig(text);
          expect((config === undefined) !== (faults === undefined)).toBe(true);
        },
      ),
    );
  });

  test('any damage to one value of the sample gives a configuration or faults with a path', () => {
    const sample = parse(SAMPLE) as Record<string, Record<string, unknown>>;
    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(sample)), fc.nat(10), fc.anything(), (section, index, value) => {
        const copy = structuredClone(sample);
        const keys = Object.keys(copy[section]!);
        copy[section]![keys[index % keys.length]!] = value;
        const { faults } = parseConfig(JSON.stringify(copy));
        for (const fault of faults ?? []) expect(faultLine('f', fault)).toMatch(/^f.*: .*; expected ./s);
      }),
    );
  });
});

describe('earshot check-config', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'earshot-config-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const run = (...args: string[]): { status: number | null; stdout: string; stderr: string } =>
    spawnSync(process.execPath, [join(root, 'src/cli/earshot.ts'), ...args], { encoding: 'utf8' });

  test('exit status 0 for a valid file', () => {
    const file = join(folder, 'good.yaml');
    writeFileSync(file, SAMPLE);
    expect(run('check-config', file)).toMatchObject({ status: 0, stdout: `${file}: valid\n`, stderr: '' });
  });

  test('exit status 2 and one line per fault', () => {
    const file = join(folder, 'bad.yaml');
    writeFileSync(file, 'sip: { server: x }\nbogus: 1\n');
    const { status, stdout, stderr } = run('check-config', file);
    expect(status).toBe(2);
    expect(stdout).toBe('');
    expect(stderr.trimEnd().split('\n')).toEqual([
      `${file}:1:8 sip.server: "x" is not valid; expected one of embedded, drachtio`,
      `${file}:2:1 bogus: is not a known field; expected one of the fields that the schema names`,
    ]);
  });

  test('a missing file and a folder are faults, wrong usage shows the help', () => {
    expect(run('check-config', join(folder, 'none'))).toMatchObject({ status: 2 });
    expect(run('check-config', join(folder, 'none')).stderr).toContain('cannot be read (ENOENT');
    expect(run('check-config', folder).stderr).toContain('it is a folder');
    expect(run('check-config')).toMatchObject({ status: 2 });
    expect(run('nonsense').stderr).toContain('Usage:');
    expect(run('help')).toMatchObject({ status: 0 });
  });
});
