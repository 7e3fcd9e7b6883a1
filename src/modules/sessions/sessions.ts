import { randomBytes } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { Injectable } from '@nestjs/common';
import type { Identity } from 'nestjs-switchboard';

/** Who is signed in to the reference backend: bearer tokens, kept in memory. */
@Injectable()
export class Sessions {
  readonly #identities = new Map<string, Identity>();

  /** Opens a session and returns its bearer token. */
  open(identity: Identity): string {
    const token = randomBytes(24).toString('base64url');
    this.#identities.set(token, identity);
    return token;
  }

  /** Ends every session of a member. */
  endAllOf(memberId: string): void {
    for (const [token, { id }] of this.#identities) if (id === memberId) this.#identities.delete(token);
  }

  /** Who sends a request, by its `Authorization: Bearer <token>`; `null` when nobody known does. */
  identify({ headers }: { readonly headers: IncomingHttpHeaders }): Identity | null {
    const token = /^Bearer ([\w-]+)$/.exec(headers.authorization ?? '')?.[1];
    return this.#identities.get(token ?? '') ?? null;
  }
}
