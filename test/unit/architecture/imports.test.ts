import { describe, expect, it } from 'vitest';
import { offence } from './rules.ts';
import { importsOf, projectFiles, textOf } from './sources.ts';

const sources = projectFiles().filter((path) => /\.(ts|mjs)$/.test(path));

describe('imports between modules', () => {
  it('keep to the rules of the design', () => {
    const offences = sources.flatMap((path) =>
      importsOf(path, textOf(path)).flatMap((each) => {
        const why = offence(each);
        return why === null ? [] : [`${path} imports ${each.specifier}: ${why}`];
      }),
    );
    expect(sources.length).toBeGreaterThan(20);
    expect(offences).toEqual([]);
  });

  it.each([
    ['src/call/a.ts', "import { x } from 'node:fs';"],
    ['src/call/a.ts', "import type { x } from '../control/ports.ts';"],
    ['src/control/a.ts', "import { x } from '../../media/worker/pool.ts';"],
    ['src/control/a.ts', "import { x } from '../sip/y.ts';"],
    ['media/worker/a.ts', "export * from '../../src/call/views.ts';"],
    ['media/worker/a.ts', "await import('mediasoup');"],
    ['src/api/a.ts', "import Srf from 'drachtio-srf';"],
    ['src/sip-server/a.ts', "import { x, type Y } from '../sip/z.ts';"],
    ['src/setup/a.mjs', "import 'ws';"],
    ['src/main.ts', "import { x } from '../test/support/y.ts';"],
  ])('are refused: in %s %s', (path, text) => {
    expect(importsOf(path, text).map(offence)).toEqual([expect.any(String)]);
  });

  it.each([
    ['src/control/a.ts', "import type { x } from '../../media/engine.ts';"],
    ['src/control/a.ts', "import { type X, type Y } from '../config/schema.ts';"],
    ['media/mediasoup/a.ts', "import * as mediasoup from 'mediasoup';"],
    ['media/worker/a.ts', "import { x } from '../rtp/packet.ts'; import { y } from 'node:dgram';"],
    ['src/main.ts', "import { x } from '../media/mediasoup/index.ts';"],
  ])('are allowed: in %s %s', (path, text) => {
    expect(importsOf(path, text).map(offence).filter(Boolean)).toEqual([]);
  });
});
