/** What a person has chosen, kept in this browser: language, appearance, phone. Nothing secret. */
import { isLanguage, preferred, setLanguage, type Language } from './text/index.ts';

export type Theme = 'auto' | 'light' | 'dark';
/** What a supervision rings, or the agent talks with. */
export type PhoneChoice = 'browser' | 'desk';

export interface Prefs {
  language: Language;
  theme: Theme;
  /** null: not chosen; the browser where that is possible and no desk phone is registered. */
  phone: PhoneChoice | null;
}

const KEY = 'earshot.preferences';

export function loadPrefs(): Prefs {
  const stored = read();
  const { language, theme, phone } = stored;
  return {
    language: isLanguage(language) ? language : preferred(navigator.languages),
    theme: theme === 'light' || theme === 'dark' ? theme : 'auto',
    phone: phone === 'browser' || phone === 'desk' ? phone : null,
  };
}

export function savePrefs(prefs: Prefs): void {
  try {
    localStorage.setItem(KEY, JSON.stringify(prefs));
  } catch {
    // A browser that keeps nothing: the choice lasts as long as the page.
  }
}

/** Puts language and appearance in force. */
export function applyPrefs({ language, theme }: Prefs): void {
  setLanguage(language);
  const root = document.documentElement;
  root.lang = language;
  if (theme === 'auto') delete root.dataset['theme'];
  else root.dataset['theme'] = theme;
}

function read(): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(localStorage.getItem(KEY) ?? '{}');
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
