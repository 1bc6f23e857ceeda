/** Line icons, 24 by 24. They say nothing to screen readers: a text stands beside each, or a label on its button. */
import { svg, html, type TemplateResult } from 'lit-html';

const PATHS = {
  ear: svg`<path d="M7 9a5 5 0 1 1 10 0c0 2.8-1.8 3.8-3 5.3-1 1.3-.8 4.2-3.4 4.2a2.8 2.8 0 0 1-2.8-2.2"/><path d="M9.6 9a2.4 2.4 0 1 1 4.8.3"/>`,
  whisper: svg`<path d="M4 12a7 7 0 1 1 4 6.3L4 19.5l1-3.6A7 7 0 0 1 4 12z"/><path d="M8.5 12h.01M12 12h.01M15.5 12h.01"/>`,
  barge: svg`<path d="M4 10v4h3l6 4V6L7 10z"/><path d="M16.5 9a4.5 4.5 0 0 1 0 6M19 6.5a8 8 0 0 1 0 11"/>`,
  phone: svg`<path d="M6.5 3.5h3l1.5 4-2 1.5a12 12 0 0 0 6 6l1.5-2 4 1.5v3a2 2 0 0 1-2.2 2A17 17 0 0 1 4.5 5.7a2 2 0 0 1 2-2.2z"/>`,
  hangup: svg`<path d="M3 14.5c5-5 13-5 18 0l-2.2 2.6-3.6-1.6v-2.6a12 12 0 0 0-6.4 0v2.6l-3.6 1.6z"/>`,
  headset: svg`<path d="M5 14v-2a7 7 0 0 1 14 0v2"/><rect x="3.5" y="13" width="4" height="6" rx="1.5"/><rect x="16.5" y="13" width="4" height="6" rx="1.5"/><path d="M18.5 19c0 1.7-2 2.5-5 2.5"/>`,
  browser: svg`<rect x="3" y="5" width="18" height="14" rx="2"/><path d="M3 9h18M6.2 7h.01M8.6 7h.01"/>`,
  pause: svg`<path d="M9 6v12M15 6v12"/>`,
  play: svg`<path d="M8 5.5v13l10-6.5z"/>`,
  stop: svg`<rect x="6.5" y="6.5" width="11" height="11" rx="1.5"/>`,
  close: svg`<path d="M6 6l12 12M18 6L6 18"/>`,
  back: svg`<path d="M14.5 5.5L8 12l6.5 6.5"/>`,
  search: svg`<circle cx="11" cy="11" r="6"/><path d="M20 20l-4.6-4.6"/>`,
  inbound: svg`<path d="M18 6L7 17M7 9v8h8"/>`,
  outbound: svg`<path d="M6 18L17 7M9 7h8v8"/>`,
  internal: svg`<path d="M4 9h15l-3.5-3.5M20 15H5l3.5 3.5"/>`,
  takeover: svg`<path d="M4 12h11M11 7.5l4.5 4.5-4.5 4.5"/><path d="M19 5v14"/>`,
  transfer: svg`<path d="M5 8h13l-3.5-3.5M19 16H6l3.5 3.5"/>`,
  assign: svg`<circle cx="9" cy="8" r="3.5"/><path d="M3 19.5c.5-3.5 2.8-5.5 6-5.5 1.4 0 2.7.4 3.7 1.1M18 13v7M14.5 16.5h7"/>`,
  user: svg`<circle cx="12" cy="8" r="3.8"/><path d="M5 20c.6-4 3.2-6 7-6s6.4 2 7 6"/>`,
  users: svg`<circle cx="9" cy="8.5" r="3.3"/><path d="M3 19.500c.5-3.6 2.7-5.5 6-5.500s5.5 1.9 6 5.500M15.5 5.500a3.3 3.3 0 0 1 0 6M17 14.300c2.3.6 3.6 2.4 4 5.2"/>`,
  queue: svg`<path d="M5 6h14M5 12h14M5 18h8"/>`,
  calls: svg`<path d="M4 7h10M4 12h7M4 17h10"/><path d="M17 8.500a5 5 0 0 1 0 7M19.5 6a8.5 8.5 0 0 1 0 12"/>`,
  warning: svg`<path d="M12 4.500l8.5 15h-17z"/><path d="M12 10v4.500M12 17h.01"/>`,
  good: svg`<circle cx="12" cy="12" r="8.5"/><path d="M8.3 12.300l2.5 2.5 5-5.3"/>`,
  info: svg`<circle cx="12" cy="12" r="8.5"/><path d="M12 11v5.500M12 7.800h.01"/>`,
  mic: svg`<rect x="9" y="3.5" width="6" height="11" rx="3"/><path d="M5.5 11.500a6.5 6.5 0 0 0 13 0M12 18v2.5"/>`,
  micOff: svg`<path d="M9 9.500v2a3 3 0 0 0 4.5 2.600M15 11V6.500a3 3 0 0 0-5.8-1M5.5 11.500A6.5 6.5 0 0 0 16 16.700M18.2 13.500c.2-.6.3-1.3.3-2M12 18v2.500M4 4l16 16"/>`,
  keypad: svg`<path d="M6 6h.01M12 6h.01M18 6h.01M6 12h.01M12 12h.01M18 12h.01M6 18h.01M12 18h.01M18 18h.01"/>`,
  chevron: svg`<path d="M7 9.500l5 5 5-5"/>`,
  up: svg`<path d="M12 19V6M6.5 11.500L12 6l5.5 5.5"/>`,
  down: svg`<path d="M12 5v13M6.5 12.500L12 18l5.5-5.5"/>`,
  copy: svg`<rect x="8.5" y="8.5" width="11" height="11" rx="2"/><path d="M5 15.500h-.500v-9a2 2 0 0 1 2-2h9v.5"/>`,
  light: svg`<circle cx="12" cy="12" r="4"/><path d="M12 3v2M12 19v2M3 12h2M19 12h2M5.6 5.600l1.4 1.400M17 17l1.4 1.400M5.6 18.400L7 17M17 7l1.4-1.4"/>`,
  dark: svg`<path d="M19.5 14.500A8 8 0 0 1 9.5 4.500a8 8 0 1 0 10 10z"/>`,
  out: svg`<path d="M14 5H6.500A1.5 1.5 0 0 0 5 6.500v11A1.5 1.5 0 0 0 6.5 19H14M10.5 12H20M16.5 8.500L20 12l-3.5 3.5"/>`,
  clock: svg`<circle cx="12" cy="12" r="8.5"/><path d="M12 7.500V12l3 2"/>`,
  music: svg`<path d="M9 18V6l10-2v12"/><circle cx="6.5" cy="18" r="2.5"/><circle cx="16.5" cy="16" r="2.5"/>`,
};

export type IconName = keyof typeof PATHS;

export function icon(name: IconName): TemplateResult {
  return html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">${PATHS[name]}</svg>`;
}
