import { html, svg, type TemplateResult } from 'lit-html';
import { t } from '../text/index.ts';

export function brand(): TemplateResult {
  return html`<span class="brand">
    <svg viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      ${svg`<rect width="32" height="32" rx="8"/><path d="M10.5 14a5.5 5.5 0 1 1 11 0c0 3-2 4-3.2 5.6-1 1.4-.9 4.4-3.6 4.4-1.6 0-2.7-1-3-2.3"/><path d="M13.3 14a2.7 2.7 0 1 1 5.3.3"/>`}
    </svg>
    <span><strong>Earshot</strong><small>${t('app.tagline')}</small></span>
  </span>`;
}
