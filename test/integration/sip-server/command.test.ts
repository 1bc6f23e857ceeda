import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { ArgumentError, parseSipServerArguments } from '../../../src/cli/sip-server.ts';
import { Child, assertNoChildren } from '../../support/process.ts';
import { until } from '../../support/until.ts';
import { RawClient } from './frames.ts';

const EARSHOT = fileURLToPath(new URL('../../../src/cli/earshot.ts', import.meta.url));

let running: Child | undefined;

afterEach(async () => {
  await running?.stop('SIGKILL');
  running = undefined;
  assertNoChildren();
});

function run(...args: string[]): Child {
  running = new Child('sip-server', process.execPath, [EARSHOT, 'sip-server', ...args]);
  return running;
}

const GOOD = [
  '--listen',
  'udp://127.0.0.1:0',
  '--listen',
  'tcp://127.0.0.1:0',
  '--control',
  '127.0.0.1:0',
  '--secret',
  's3cret',
];

describe('earshot sip-server', () => {
  it('prints one line when it is ready, serves, and ends by SIGTERM with 0', async () => {
    const child = run(...GOOD);
    const ready = await until('the line', () => /^sip-server ready: (.*)\n/m.exec(child.output)?.[1]);
    expect(ready).toMatch(/^udp:\/\/127\.0\.0\.1:\d+ tcp:\/\/127\.0\.0\.1:\d+, control 127\.0\.0\.1:\d+$/);
    const client = await RawClient.open({ host: '127.0.0.1', port: Number(/(\d+)$/.exec(ready)![1]) });
    expect((await client.ask('a', 'authenticate|s3cret|')).tokens[3]).toBe('OK');
    client.send('r|route|invite');
    const exit = await child.stop('SIGTERM', 10_000);
    client.close();
    expect(exit).toEqual({ code: 0, signal: null });
    expect(child.output).not.toContain('s3cret');
  });

  it.each([
    [['--control', '127.0.0.1:0', '--secret', 's'], '--listen: at least one address'],
    [['--listen', 'sctp://x:1', '--control', '127.0.0.1:0', '--secret', 's'], '--listen sctp://x:1'],
    [['--listen', 'udp://127.0.0.1:0', '--control', 'nowhere', '--secret', 's'], '--control nowhere'],
    [['--listen', 'udp://127.0.0.1:0', '--control', '127.0.0.1:0'], '--secret'],
    [['--listen', 'udp://203.0.113.1:5060', '--control', '127.0.0.1:0', '--secret', 's'], '203.0.113.1'],
    [[...GOOD, '--frob'], '--frob'],
  ])('%j: exit status 2 and one line', async (args, text) => {
    const child = run(...args);
    expect((await child.exited).code).toBe(2);
    const lines = child.output.trim().split('\n');
    expect(lines.length).toBe(1);
    expect(lines[0]).toContain(text);
  });
});

describe('arguments of earshot sip-server', () => {
  it('several listens, TLS, an external address', () => {
    const args = ['--listen', 'tls://[::1]:5061', '--tls-cert', 'c', '--tls-key', 'k', '--external', '203.0.113.5'];
    const parsed = parseSipServerArguments([...GOOD, ...args]);
    expect(parsed.listen.length).toBe(3);
    expect(parsed).toMatchObject({ tls: { cert: 'c', key: 'k' }, external: '203.0.113.5', secret: 's3cret' });
  });

  it.each([
    [['--listen', 'tls://127.0.0.1:1'], 'needs --tls-cert'],
    [['--tls-cert', 'c'], 'both or none'],
    [['--secret', 'a|b'], 'must not contain'],
    [['--control', '127.0.0.1:99999'], '--control'],
    [['stray'], 'stray'],
  ])('%j is refused', (args, text) => {
    expect(() => parseSipServerArguments([...GOOD, ...args])).toThrow(ArgumentError);
    expect(() => parseSipServerArguments([...GOOD, ...args])).toThrow(text);
  });
});
