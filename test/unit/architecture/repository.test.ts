import { existsSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { projectFiles, ROOT, textOf } from './sources.ts';

const LONGEST = 420;
const BINARY = /\.(wav|png|jpg|gif|ico|woff2?|pcap|bin|dat|raw|gz)$/;

const here = 'test/unit/architecture/repository.test.ts'; // names what it forbids
const files = projectFiles();
const texts = files.filter((path) => !BINARY.test(path) && path !== 'package-lock.json');
const code = files.filter((path) => /\.(ts|mjs|js)$/.test(path) && !path.startsWith('src/web/public/vendor/'));

/** Every line of the files that the pattern fits, as `path:line: text`. */
function linesWith(pattern: RegExp, paths: readonly string[]): string[] {
  return paths.flatMap((path) =>
    textOf(path)
      .split('\n')
      .flatMap((line, index) => (pattern.test(line) ? [`${path}:${index + 1}: ${line.trim().slice(0, 120)}`] : [])),
  );
}

describe('the files of the project', () => {
  it(`are no longer than ${LONGEST} lines`, () => {
    const long = code.filter((path) => textOf(path).trimEnd().split('\n').length > LONGEST);
    expect(long).toEqual([]);
  });

  it('hold no test that is switched off or run alone, and nothing left to do', () => {
    const off = new RegExp(String.raw`\b(it|test|describe|bench)\.(only|skip|todo)\b|\b(TODO|FIXME|XXX)\b`);
    expect(
      linesWith(
        off,
        code.filter((path) => path !== here),
      ),
    ).toEqual([]);
  });

  it('do not switch the type checker off', () => {
    expect(
      linesWith(
        /@ts-(ignore|nocheck)\b/,
        code.filter((path) => path !== here),
      ),
    ).toEqual([]);
  });

  it('name no path of one machine', () => {
    const own = /(^|[^A-Za-z0-9_.~-])\/(work|root|home|Users)\/[A-Za-z.]/;
    expect(
      linesWith(
        own,
        texts.filter((path) => path !== here),
      ),
    ).toEqual([]);
  });

  it('carry no merge conflict and no private key', () => {
    expect(linesWith(/^(<{7}|>{7}) |-----BEGIN [A-Z ]*PRIVATE KEY/, texts)).toEqual([]);
  });

  it('leave the choice of the npm registry to the machine', () => {
    const lock = JSON.parse(textOf('package-lock.json')) as { packages: Record<string, { resolved?: string }> };
    expect(Object.entries(lock.packages).filter(([, each]) => each.resolved !== undefined)).toEqual([]);
    expect(textOf('.npmrc')).not.toMatch(/^\s*(\S+:)?registry\s*=/m);
    expect(textOf('.npmrc')).toMatch(/^ignore-scripts=true$/m);
  });

  it('pin every dependency to one version', () => {
    const { dependencies, devDependencies } = JSON.parse(textOf('package.json')) as Record<
      'dependencies' | 'devDependencies',
      Record<string, string>
    >;
    const loose = Object.entries({ ...dependencies, ...devDependencies }).filter(([, v]) => !/^\d+\.\d+\.\d+$/.test(v));
    expect(loose).toEqual([]);
  });

  it('are what the npm scripts and the Dockerfile name', () => {
    const { scripts } = JSON.parse(textOf('package.json')) as { scripts: Record<string, string> };
    const named = Object.values(scripts).flatMap((script) => script.match(/\S+\.(ts|mjs|js)\b/g) ?? []);
    const copied = textOf('Dockerfile')
      .split('\n')
      .flatMap((line) => /^COPY (?!--from)(?:--\S+ )*(.+) \S+$/.exec(line)?.[1]?.split(' ') ?? []);
    expect(copied.length).toBeGreaterThan(3);
    expect([...named, ...copied].filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });

  it('are those that the Markdown files link to', () => {
    const broken = files
      .filter((path) => path.endsWith('.md'))
      .flatMap((path) =>
        [...textOf(path).matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)/g)]
          .filter(([, target]) => !existsSync(join(ROOT, path, '..', target!)))
          .map(([, target]) => `${path} links to ${target!}`),
      );
    expect(broken).toEqual([]);
  });

  it('have a README where a folder holds an invariant', () => {
    const modules = ['src/call', 'src/control', 'src/sip', 'src/sip-server', 'src/api', 'src/setup', 'media'];
    const present = modules.filter((folder) => files.some((path) => path.startsWith(`${folder}/`)));
    const told = (folder: string): boolean =>
      files.some((path) => path.startsWith(`${folder}/`) && path.endsWith('/README.md'));
    expect(present.filter((folder) => !told(folder))).toEqual([]);
  });
});

describe('the CI script', () => {
  it('runs the test command of the README', () => {
    expect(textOf('README.md')).toContain('npm test');
    expect(textOf('.ci/run')).toMatch(/^npm test$/m);
    expect(basename(readFileSync(join(ROOT, '.ci/run'), 'utf8').split('\n')[0]!)).toBe('env bash');
  });
});
