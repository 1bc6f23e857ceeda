import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { de } from '../../../src/web/public/text/de.ts';
import { en, type Key } from '../../../src/web/public/text/en.ts';
import { duration, isLanguage, keyOf, list, preferred, setLanguage, t } from '../../../src/web/public/text/index.ts';
import { PUBLIC } from '../../../src/web/server/assets.ts';

const keys = Object.keys(en) as Key[];
const names = (text: string): string[] => [...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1]!).sort();

afterEach(() => {
  setLanguage('en');
});

describe('the texts', () => {
  it('are there in both languages, with the same names to fill in', () => {
    expect(Object.keys(de).sort()).toEqual([...keys].sort());
    const different = keys.filter((key) => names(en[key]).join() !== names(de[key]).join());
    expect(different).toEqual([]);
    expect(keys.filter((key) => en[key].trim() === '' || de[key].trim() === '')).toEqual([]);
  });

  it('are all used: by name, or by the beginning of a name that is put together', () => {
    const code = readdirSync(PUBLIC, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith('.ts') && !entry.parentPath.endsWith('text'))
      .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'))
      .join('\n');
    const built = [...code.matchAll(/`([a-z]+(?:\.[A-Za-z]+)*\.)\$\{[^`]*`/g)].map((match) => match[1]!);
    const unused = keys.filter(
      (key) => !code.includes(`'${key}'`) && !built.some((beginning) => key.startsWith(beginning)),
    );
    expect(unused).toEqual([]);
  });

  it('are filled in', () => {
    expect(t('calls.count', { shown: 1, total: 3 })).toBe('1 of 3 calls');
    setLanguage('de');
    expect(t('calls.count', { shown: 1, total: 3 })).toBe('1 von 3 Gesprächen');
    expect(list(['Anna', 'Ben'])).toBe('Anna und Ben');
    expect(keyOf('code.no_phone')).toBe('code.no_phone');
    expect(keyOf('toString')).toBeNull();
  });

  it('are in the first language of the browser that there is', () => {
    expect(preferred(['fr-FR', 'de-AT', 'en'])).toBe('de');
    expect(preferred(['fr'])).toBe('en');
    expect(isLanguage('__proto__')).toBe(false);
  });

  it.each([
    [-1, '0:00'],
    [7.9, '0:07'],
    [754, '12:34'],
    [3723, '1:02:03'],
  ])('%d seconds are %s', (seconds, text) => {
    expect(duration(seconds)).toBe(text);
  });
});
