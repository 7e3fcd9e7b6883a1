import type { AppCredentials } from '../ports/socket-config.js';
import { hmacHex, isEqualDigest } from './hmac.js';

/** The header with the key of the webhook's application. Protocol section 3.15. */
export const WEBHOOK_KEY_HEADER = 'X-Pusher-Key';
/** The header with the {@link webhookSignature}. */
export const WEBHOOK_SIGNATURE_HEADER = 'X-Pusher-Signature';

/** The signature of a webhook, by which its receiver trusts it: the hex HMAC-SHA256 of the body's bytes. */
export function webhookSignature({ secret }: AppCredentials, body: Buffer): string {
  return hmacHex(secret, body);
}

/** Checks a webhook's signature in constant time. */
export function isWebhookSignedBy(app: AppCredentials, signature: string, body: Buffer): boolean {
  return isEqualDigest(signature, webhookSignature(app, body));
}
