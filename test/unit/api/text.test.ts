import { expect, test } from 'vitest';
import { banner } from '../../../src/banner.ts';
import { csvLine } from '../../../src/api/csv.ts';
import { docsPage } from '../../../src/api/docs.ts';
import { parseConfig } from '../../../src/config/load.ts';
import { createLog } from '../../../src/log.ts';
import { sampleCall } from '../store/sample.ts';

test('a log line is one line, whatever a peer has sent', () => {
  const lines: string[] = [];
  const log = createLog(
    'info',
    (line) => lines.push(line),
    () => 0,
  );
  log('debug', 'not written');
  log('warn', 'bad header: a\r\n2026 info  forged \u001b[31mred\u0000');
  expect(lines).toEqual(['1970-01-01T00:00:00.000Z warn  bad header: a | 2026 info  forged ?[31mred?']);
});

test('the banner shows no password that is not a demo one', () => {
  const user = { id: 'sam', name: 'Sam', role: 'supervisor', extension: '2001' };
  const show = (password: string): string => {
    const { config } = parseConfig(JSON.stringify({ users: [{ ...user, password }] }));
    const earshot = {
      apiUrl: 'http://127.0.0.1:1',
      sip: ['udp://127.0.0.1:2'],
      webrtc: { available: false, reason: 'no worker' },
    };
    return banner({ config: config!, file: 'f.yaml', data: '/d', earshot });
  };
  expect(show('pw-sam')).toContain('sign in as sam / pw-sam');
  expect(show('own-secret')).not.toMatch(/own-secret|sign in as/);
  expect(show('pw-sam')).toMatch(/WebRTC +off: no worker/);
});

test('CSV: commas, quotes and line breaks are quoted, what is absent is empty', () => {
  const line = csvLine(sampleCall('c1', { agent: null, queue: null, customer: { number: '8', name: 'a,"b"\n' } }));
  expect(line).toBe(
    'c1,2026-01-02T03:04:05.678Z,2026-01-02T03:04:05.678Z,2026-01-02T03:04:05.678Z,inbound,8,"a,""b""\n",,,,,1.5,20,customer_left,\r\n',
  );
});

test('the documentation escapes what it shows', () => {
  const page = docsPage({
    openapi: '3.1.0',
    info: { version: '<1>', description: 'a & "b"' },
    servers: [{ url: '/x' }],
    tags: [{ name: '<T>' }],
    paths: {
      '/<p>': { get: { operationId: 'x', tags: ['<T>'], summary: '<script>alert(1)</script>', responses: {} } },
    },
    components: { schemas: { S: { type: 'string', enum: ['<e>'] } }, securitySchemes: {} },
    security: [],
  });
  expect(page).not.toMatch(/<script|<p>\/|<1>|<T>|<e>/);
  expect(page).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
});
