/**
 * Browser modules from their sources: types are taken off, names of npm packages become addresses. No bundling: browsers
 * load modules by themselves, and every one is cached for good under an address that changes with its contents.
 */
import { stripTypeScriptTypes } from 'node:module';

/** npm packages that the browser modules may name, and where they are served. */
export const PACKAGES: readonly { readonly name: RegExp; readonly address: (name: string) => string }[] = [
  { name: /^lit-html$/, address: () => 'vendor/lit-html/lit-html.js' },
  { name: /^lit-html\/[a-z-]+(\/[a-z-]+)?\.js$/, address: (name) => `vendor/${name}` },
  { name: /^jssip$/, address: () => 'vendor/jssip.js' },
];

/** JavaScript from TypeScript; lines and columns stay where they were. */
export function strip(source: string): string {
  // Node says once that this function is experimental. The tests hold what we want of it; an operator has no use for it.
  const emitWarning = process.emitWarning.bind(process);
  process.emitWarning = () => undefined;
  try {
    return stripTypeScriptTypes(source, { mode: 'strip' });
  } finally {
    process.emitWarning = emitWarning;
  }
}

/** `base` is the address of all assets, with a slash at its end. Throws where a package is named that is not served. */
export function resolvePackages(source: string, base: string): string {
  return source.replaceAll(
    /(\bfrom\s*|\bimport\s*\(\s*|\bimport\s+)(['"])([@a-z][\w@/.-]*)\2/g,
    (_whole, before: string, quote: string, name: string) => {
      const known = PACKAGES.find((each) => each.name.test(name));
      if (known === undefined) throw new Error(`the console imports ${name}, which is not served to browsers`);
      return `${before}${quote}${base}${known.address(name)}${quote}`;
    },
  );
}

/** Addresses that a module imports, relative ones as they stand. Dynamic imports are left out: they are wanted later. */
export function importsOf(source: string): string[] {
  return [
    ...source.matchAll(/^\s*(?:import|export)\b[^'"`;]*?\bfrom\s*['"]([^'"]+)['"]|^\s*import\s*['"]([^'"]+)['"]/gm),
  ].map((match) => match[1] ?? match[2]!);
}
