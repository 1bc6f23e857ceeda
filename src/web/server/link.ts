/**
 * JsSIP comes as CommonJS modules. This links them, and what they require, into one ES module for the browser: each file
 * becomes a function, `require` a look-up. Nothing of it is changed.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** `browser` of a package.json: files that a browser is given in place of others. */
function browserFile(file: string): string {
  if (/[/\\]debug[/\\]src[/\\]index\.js$/.test(file)) return join(dirname(file), 'browser.js');
  return file;
}

/** Text of an ES module whose default export is what the package exports. Throws where a file is missing. */
export function linkCommonJs(entry: string, from: string): string {
  const numbers = new Map<string, number>();
  const bodies: string[] = [];
  const visit = (file: string): number => {
    const known = numbers.get(file);
    if (known !== undefined) return known;
    const number = numbers.size;
    numbers.set(file, number);
    const source = readFileSync(file, 'utf8').replace(/\n\/\/# sourceMappingURL=.*\s*$/, '\n');
    if (file.endsWith('.json')) {
      bodies[number] = `(module) => { module.exports = ${source}; }`;
      return number;
    }
    const resolve = createRequire(file).resolve;
    const links: Record<string, number> = {};
    for (const [, name] of source.matchAll(/\brequire\(\s*['"]([^'"]+)['"]\s*\)/g)) {
      // A trailing slash asks for the npm package where Node has a module of the same name (`events`).
      const target = resolve(name === 'events' ? 'events/' : name!);
      links[name!] = visit(browserFile(target));
    }
    bodies[number] = `(module, exports, require) => {\n${source}\n}, ${JSON.stringify(links)}`;
    return number;
  };
  const first = visit(browserFile(createRequire(from).resolve(entry)));
  const entries = bodies.map((body) => `[${body}]`).join(',\n');
  return `const modules = [\n${entries}\n];
const loaded = new Map();
const process = { env: {}, browser: true };
function load(number) {
  const known = loaded.get(number);
  if (known !== undefined) return known.exports;
  const module = { exports: {} };
  loaded.set(number, module);
  const [run, links] = modules[number];
  run.call(module.exports, module, module.exports, (name) => load(links[name]));
  return module.exports;
}
export default load(${first});
`;
}
