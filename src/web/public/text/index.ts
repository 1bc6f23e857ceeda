/** Texts in the language that the person has chosen, or the browser prefers. */
import { de } from './de.ts';
import { en, type Key, type Texts } from './en.ts';

export type { Key } from './en.ts';

export const LANGUAGES = {
  en: { texts: en, name: 'English' },
  de: { texts: de, name: 'Deutsch' },
} as const satisfies Record<string, { texts: Texts; name: string }>;
export type Language = keyof typeof LANGUAGES;

let current: Language = 'en';

export function language(): Language {
  return current;
}

export function setLanguage(next: Language): void {
  current = next;
}

export function isLanguage(value: unknown): value is Language {
  return typeof value === 'string' && Object.hasOwn(LANGUAGES, value);
}

/** The first of the browser's languages that there is; else English. */
export function preferred(wanted: readonly string[]): Language {
  for (const tag of wanted) {
    const base = tag.toLowerCase().split('-')[0];
    if (isLanguage(base)) return base;
  }
  return 'en';
}

/** A text, with its {names} filled in. A name without a value is left out. */
export function t(key: Key, values: Readonly<Record<string, string | number>> = {}): string {
  const text: string = LANGUAGES[current].texts[key];
  return text.replaceAll(/\{(\w+)\}/g, (_whole, name: string) => String(values[name] ?? ''));
}

/** A key that is put together at run time; null where there is no such text. */
export function keyOf(key: string): Key | null {
  return Object.hasOwn(en, key) ? (key as Key) : null;
}

/** "a, b and c" */
export function list(items: readonly string[]): string {
  return new Intl.ListFormat(current, { type: 'conjunction' }).format(items);
}

/** The person's own region where it is of the language shown: British English has another clock than American. */
function locale(): string {
  return navigator.languages.find((tag) => tag.toLowerCase().split('-')[0] === current) ?? current;
}

/** Time of day, to the second. */
export function clockTime(iso: string): string {
  const format = new Intl.DateTimeFormat(locale(), { hour: '2-digit', minute: '2-digit', second: '2-digit' });
  return format.format(new Date(iso));
}

/** `0:07`, `12:34`, `1:02:03` */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (value: number): string => String(value).padStart(2, '0');
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}
