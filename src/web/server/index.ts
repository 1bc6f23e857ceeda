/** Serves the console: one page, its modules and styles, under a strict Content-Security-Policy. */
import type { Request, RequestHandler, Response } from 'express';
import { loadAssets, type Asset } from './assets.ts';

export interface ConsoleOptions {
  /**
   * Where the page may open WebSockets to, besides its own origin: the softphone's way to the SIP server. Asked for each
   * page, as it may depend on the name by which the browser reaches us; null where there is none.
   */
  readonly webSocketUrl: (req: Request) => string | null;
}

const A_YEAR = 'public, max-age=31536000, immutable';

/** Throws where the console's files cannot be read or compiled. */
export function createConsole(options: ConsoleOptions): RequestHandler {
  const { page, files } = loadAssets();
  return (req, res, next) => {
    if (req.method !== 'GET' && req.method !== 'HEAD') {
      next();
      return;
    }
    if (req.path === '/') {
      res.setHeader('Content-Security-Policy', policy(options.webSocketUrl(req)));
      res.setHeader('Permissions-Policy', 'microphone=(self), camera=(), geolocation=(), display-capture=()');
      res.setHeader('Cache-Control', 'no-cache');
      send(req, res, page);
      return;
    }
    if (req.path === '/favicon.ico') {
      res.redirect(301, [...files.keys()].find((address) => address.endsWith('/icon.svg')) ?? '/');
      return;
    }
    const asset = files.get(req.path);
    if (asset === undefined) {
      next();
      return;
    }
    res.setHeader('Cache-Control', A_YEAR);
    send(req, res, asset);
  };
}

/** No inline script or style, nothing of another origin; markup is made by the template library alone (Trusted Types). */
export function policy(webSocketUrl: string | null): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "manifest-src 'self'",
    `connect-src 'self'${webSocketUrl === null ? '' : ` ${new URL(webSocketUrl).origin}`}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    'trusted-types lit-html',
  ].join('; ');
}

function send(req: Request, res: Response, asset: Asset): void {
  res.setHeader('Content-Type', asset.type);
  res.vary('Accept-Encoding');
  const encoding = req.acceptsEncodings(['br', 'gzip', 'identity']);
  const packed = encoding === 'br' ? asset.brotli : encoding === 'gzip' ? asset.gzip : null;
  if (packed !== null && encoding !== false) res.setHeader('Content-Encoding', encoding);
  const body = packed ?? asset.body;
  res.setHeader('Content-Length', body.length);
  res.end(req.method === 'HEAD' ? undefined : body);
}
