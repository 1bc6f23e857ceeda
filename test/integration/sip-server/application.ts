/** A drachtio-srf application, unmodified, connected to a server under test. */
import Srf from 'drachtio-srf';
import type { SipServer } from '../../../src/sip-server/index.ts';
import { within } from '../../support/until.ts';

export interface Application {
  readonly srf: Srf;
  /** Idempotent. */
  close(): void;
}

export async function connectApplication(server: SipServer): Promise<Application> {
  const srf = new Srf();
  void srf.connect({ ...server.control, secret: 'cymru' });
  await within('the application to connect', 5000, new Promise((resolve) => srf.on('connect', resolve)));
  let closed = false;
  return {
    srf,
    close() {
      if (closed) return;
      closed = true;
      srf.disconnect();
    },
  };
}

/** Ends a dialog; resolves once the peer has answered. Its type says that it returns nothing, but it is a promise. */
export function hangUp(dialog: { destroy(): unknown }): Promise<void> {
  return Promise.resolve(dialog.destroy()).then(() => undefined);
}
