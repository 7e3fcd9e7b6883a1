import type { AppCredentials } from '../ports/socket-config.js';
import { hmacHex, isEqualDigest } from './hmac.js';

/** Says whose webhook it is. Protocol section 3.15. */
export const WEBHOOK_KEY_HEADER = 'X-Pusher-Key';
/** Carries {@link webhookSignature}. */
export const WEBHOOK_SIGNATURE_HEADER = 'X-Pusher-Signature';

/** What proves that a webhook comes from the application's own provider: hex HMAC-SHA256 of the body's bytes. */
export function webhookSignature({ secret }: AppCredentials, body: Buffer): string {
  return hmacHex(secret, body);
}

/** Checks a webhook's signature in constant time. */
export function isWebhookSignedBy(app: AppCredentials, signature: string, body: Buffer): boolean {
  return isEqualDigest(signature, webhookSignature(app, body));
}
