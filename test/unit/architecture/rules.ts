import { posix } from 'node:path';
import type { Import } from './sources.ts';

/** What a module may import. A path prefix ends in `/` or names a file; `type:` allows only `import type`. */
interface Rule {
  readonly own: string; // the module: a path prefix
  readonly may: readonly string[]; // other modules
  readonly node: boolean; // Node's own modules
  readonly npm: boolean;
}

/**
 * The rules of the design, one line a module; the first `own` that fits a file holds. The two contracts between modules
 * (`src/control/ports.ts`, `media/engine.ts`) may be imported whole: each brings the error class that it speaks of.
 */
export const RULES: readonly Rule[] = [
  { own: 'src/call/', may: [], node: false, npm: false },
  {
    own: 'src/control/',
    may: ['src/call/', 'media/engine.ts', 'type:src/config/'],
    node: true,
    npm: false,
  },
  { own: 'src/sip-server/', may: [], node: true, npm: true },
  {
    own: 'src/sip/',
    may: ['src/call/', 'src/control/ports.ts', 'media/engine.ts', 'type:src/control/', 'type:src/config/'],
    node: true,
    npm: true,
  },
  { own: 'src/api/', may: ['src/control/', 'src/call/', 'type:src/config/'], node: true, npm: true },
  { own: 'src/config/', may: [], node: true, npm: true },
  { own: 'src/store/', may: ['type:src/call/', 'type:src/control/'], node: true, npm: true },
  { own: 'src/web/public/', may: ['type:src/call/', 'type:src/control/'], node: false, npm: true },
  { own: 'src/web/', may: [], node: true, npm: true },
  { own: 'src/setup/', may: [], node: true, npm: false },
  { own: 'media/', may: [], node: true, npm: true },
];

/** npm packages that belong to one module each, and the modules that may import them. Tests may import any. */
export const RESERVED: Readonly<Record<string, readonly string[]>> = {
  'drachtio-srf': ['src/sip/', 'src/robot/'],
  'drachtio-fsmrf': ['media/freeswitch/'],
  mediasoup: ['media/mediasoup/'],
};

const PRODUCT = ['src/', 'media/'];

/** Why an import is not allowed, or null. */
export function offence({ from, specifier, typeOnly }: Import): string | null {
  if (!PRODUCT.some((prefix) => from.startsWith(prefix))) return null;
  if (specifier.startsWith('.')) return offenceInside(from, posix.join(posix.dirname(from), specifier), typeOnly);
  const rule = RULES.find((each) => from.startsWith(each.own));
  if (specifier.startsWith('node:')) return rule?.node === false ? `${rule.own} imports nothing of Node` : null;
  const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
  const reserved = RESERVED[name];
  if (reserved !== undefined && !reserved.some((own) => from.startsWith(own))) {
    return `only ${reserved.join(' and ')} may import ${name}`;
  }
  return rule?.npm === false ? `${rule.own} imports no npm package` : null;
}

function offenceInside(from: string, target: string, typeOnly: boolean): string | null {
  if (target.startsWith('test/')) return 'the product imports nothing of the tests';
  const rule = RULES.find((each) => from.startsWith(each.own));
  if (rule === undefined || target.startsWith(rule.own)) return null;
  const allowed = rule.may.some((entry) =>
    entry.startsWith('type:') ? typeOnly && target.startsWith(entry.slice(5)) : target.startsWith(entry),
  );
  return allowed ? null : `${rule.own} may import ${['itself', ...rule.may].join(', ')}`;
}
