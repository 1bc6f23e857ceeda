/** Everything that the console is made of, compiled and compressed once, when the server starts. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, posix, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { importsOf, resolvePackages, strip } from './compile.ts';
import { linkCommonJs } from './link.ts';

export interface Asset {
  readonly type: string;
  readonly body: Buffer;
  readonly gzip: Buffer | null;
  readonly brotli: Buffer | null;
}

export interface Assets {
  /** The page; asked for anew each time. */
  readonly page: Asset;
  /** By address; each may be cached for good. */
  readonly files: ReadonlyMap<string, Asset>;
  readonly version: string;
}

const TYPES: Readonly<Record<string, string>> = {
  ts: 'text/javascript; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
  webmanifest: 'application/manifest+json',
};

export const PUBLIC = fileURLToPath(new URL('../public', import.meta.url));

/** Throws where a source cannot be compiled or a package is missing: a fault of the installation. */
export function loadAssets(folder: string = PUBLIC): Assets {
  const sources = new Map<string, string>();
  for (const file of filesOf(folder)) {
    const name = relative(folder, file).split(sep).join('/');
    const extension = name.slice(name.lastIndexOf('.') + 1);
    if (TYPES[extension] === undefined) continue;
    const text = readFileSync(file, 'utf8');
    sources.set(name, extension === 'ts' ? strip(text) : text);
  }
  const require = createRequire(import.meta.url);
  for (const [name, text] of litHtml(require)) sources.set(name, text);
  sources.set('vendor/jssip.js', linkCommonJs('jssip', fileURLToPath(import.meta.url)));

  const hash = createHash('sha256');
  for (const [name, text] of [...sources].sort(([a], [b]) => (a < b ? -1 : 1))) hash.update(`${name}\0${text}\0`);
  const version = hash.digest('base64url').slice(0, 12);
  const base = `/assets/${version}/`;

  const files = new Map<string, Asset>();
  for (const [name, text] of sources) {
    const extension = name.slice(name.lastIndexOf('.') + 1);
    const code = extension === 'ts' ? resolvePackages(text, base) : text;
    files.set(base + name, assetOf(TYPES[extension]!, code));
  }
  const html = readFileSync(join(folder, 'index.html'), 'utf8')
    .replaceAll('{{base}}', base)
    .replace('{{preload}}', preload(files, `${base}main.ts`));
  return { page: assetOf('text/html; charset=utf-8', html), files, version };
}

/** All modules that the first one needs, so that the browser fetches them side by side and not one after the other. */
function preload(files: ReadonlyMap<string, Asset>, first: string): string {
  const seen = new Set<string>();
  const visit = (address: string): void => {
    const asset = files.get(address);
    if (seen.has(address) || asset === undefined) return;
    seen.add(address);
    for (const name of importsOf(asset.body.toString('utf8'))) {
      visit(name.startsWith('/') ? name : posix.join(posix.dirname(address), name));
    }
  };
  visit(first);
  return [...seen].map((address) => `<link rel="modulepreload" href="${address}">`).join('\n');
}

function filesOf(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

function litHtml(require: NodeJS.Require): [string, string][] {
  // The package exports no package.json; Node's own entry is one folder below its root.
  const root = dirname(dirname(require.resolve('lit-html')));
  const names = ['lit-html.js', 'directive.js', 'directive-helpers.js'];
  const directives = ['guard.js', 'repeat.js'].map((name) => `directives/${name}`);
  return [...names, ...directives].map((name) => [
    `vendor/lit-html/${name}`,
    readFileSync(join(root, name), 'utf8').replace(/\n\/\/# sourceMappingURL=.*\s*$/, '\n'),
  ]);
}

function assetOf(type: string, text: string): Asset {
  const body = Buffer.from(text);
  if (body.length < 1024) return { type, body, gzip: null, brotli: null };
  const brotli = brotliCompressSync(body, { params: { [constants.BROTLI_PARAM_QUALITY]: 6 } });
  return { type, body, gzip: gzipSync(body), brotli };
}
