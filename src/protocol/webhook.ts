import { createHmac, timingSafeEqual } from 'node:crypto';
import type { AppCredentials } from '../ports/socket-config.js';

/** Says whose webhook it is. Protocol section 3.15. */
export const WEBHOOK_KEY_HEADER = 'X-Pusher-Key';
/** Carries {@link webhookSignature}. */
export const WEBHOOK_SIGNATURE_HEADER = 'X-Pusher-Signature';

/** What proves that a webhook comes from the application's own provider: hex HMAC-SHA256 of the body's bytes. */
export function webhookSignature({ secret }: AppCredentials, body: Buffer): string {
  return createHmac('sha256', secret).update(body).digest('hex');
}

/** Checks a webhook's signature in constant time. */
export function isWebhookSignedBy(app: AppCredentials, signature: string, body: Buffer): boolean {
  const expected = Buffer.from(webhookSignature(app, body));
  const received = Buffer.from(signature);
  return received.length === expected.length && timingSafeEqual(received, expected);
}
