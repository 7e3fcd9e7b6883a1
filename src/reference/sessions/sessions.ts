import { createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { Inject, Injectable } from '@nestjs/common';
import type { Identity } from 'nestjs-switchboard';
import * as v from 'valibot';

/** The Nest token of the secret that every node of the reference backend shares. */
export const SESSION_SECRET = Symbol('SessionSecret');

const LIFETIME_MS = 24 * 60 * 60 * 1_000;

const session = v.object({
  id: v.string(),
  info: v.optional(v.record(v.string(), v.unknown())),
  /** The time it was opened, in milliseconds since the epoch. */
  at: v.number(),
});

/**
 * The sessions of the reference backend: signed bearer tokens, which are valid for a day. Every node accepts the tokens of the
 * others, so a load balancer may send each request to a different one.
 */
@Injectable()
export class Sessions {
  readonly #secret: string;
  /** The time when all sessions of a member were ended, by member id. Only this process knows it; a real one needs a database. */
  readonly #endedAt = new Map<string, number>();

  constructor(@Inject(SESSION_SECRET) secret: string) {
    this.#secret = secret;
  }

  /** Opens a session and returns its bearer token. */
  open(identity: Identity): string {
    const json = JSON.stringify({ ...identity, at: Date.now() } satisfies v.InferInput<typeof session>);
    const claims = Buffer.from(json).toString('base64url');
    return `${claims}.${this.#sign(claims).toString('base64url')}`;
  }

  /** Ends every session of a member. */
  endAllOf(memberId: string): void {
    this.#endedAt.set(memberId, Date.now());
  }

  /** The member who sends a request, by its `Authorization: Bearer <token>`; `null` when the token is missing or invalid. */
  identify({ headers }: { readonly headers: IncomingHttpHeaders }): Identity | null {
    const [, claims = '', signature = ''] =
      /^Bearer ([\w-]+)\.([\w-]+)$/.exec(headers.authorization ?? '') ?? [];
    const expected = this.#sign(claims);
    const given = Buffer.from(signature, 'base64url');
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) return null;
    const { id, info, at } = v.parse(session, JSON.parse(Buffer.from(claims, 'base64url').toString()));
    const isOver = Date.now() - at > LIFETIME_MS || at <= (this.#endedAt.get(id) ?? 0);
    return isOver ? null : { id, ...(info !== undefined && { info }) };
  }

  /** Signs with a key of its own, so that a token's signature is never valid in the Pusher protocol. */
  #sign(claims: string): Buffer {
    return createHmac('sha256', `sessions of the reference backend:${this.#secret}`).update(claims).digest();
  }
}
