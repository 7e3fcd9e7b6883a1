import { randomUUID } from 'node:crypto';
import type { Clock } from '../ports/clock.js';
import type { AskAnswer, Cluster, MemberAsk } from '../ports/cluster.js';
import { SocketNoAnswerError } from '../ports/errors.js';
import { shown } from '../ports/logger.js';
import { userChannel } from '../protocol/channel-name.js';
import type { ReceivedAnswer } from '../protocol/message-frames.js';
import { OpenAsks } from './open-asks.js';
import type { Session } from './session.js';
import type { Users } from './users.js';

/** Asks members through their browsers, on all nodes, and takes the first answer. */
export class MemberAsks {
  readonly #cluster: Cluster;
  readonly #open: OpenAsks;

  /** @param maximumBytes the most bytes of an answer's frame; 0 allows any number */
  constructor(cluster: Cluster, clock: Clock, users: Users, maximumBytes: number) {
    this.#cluster = cluster;
    this.#open = new OpenAsks(clock, users, maximumBytes);
  }

  /**
   * Asks a member.
   *
   * @param json the payload's JSON text; `undefined` where there is none
   * @param timeoutMs milliseconds to wait for the first answer
   * @throws SocketNoAnswerError when the member is not connected, or no browser answers
   */
  ask(memberId: string, event: string, json: string | undefined, timeoutMs: number): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const channel = userChannel(memberId);
      const ask: MemberAsk = { id: randomUUID(), event, json, timeoutMs };
      const isAlone = this.#cluster.node === undefined;
      let failure: string | undefined;
      const fail = (problem: string, isConnected: boolean, cause?: unknown) => {
        this.#open.end(ask.id);
        const said = failure === undefined ? '' : `. A browser failed: ${shown(failure)}`;
        const message = `Member ${shown(memberId)} was asked ${shown(event)}, and ${problem}${said}`;
        reject(new SocketNoAnswerError(memberId, isConnected, message, { cause }));
      };
      const answered = (answer: AskAnswer) => {
        if (answer.error === undefined) {
          this.#open.end(ask.id);
          resolve(answer.json === undefined ? undefined : (JSON.parse(answer.json) as unknown));
          return;
        }
        failure = answer.error;
        if (isAlone && this.#open.waitingFor(ask.id) === 0) fail('no browser could answer', true);
      };
      const isHere = this.#open.open(channel, ask, answered, () => {
        fail(`did not answer within ${timeoutMs} ms`, true);
      });
      if (isAlone && !isHere) fail('is not connected', false);
      this.#cluster
        .ask(channel, ask, answered)
        ?.then(async () => {
          if (isHere || (await this.#cluster.online([channel])).has(channel)) return;
          fail('is not connected', false);
        })
        .catch((cause: unknown) => {
          if (!isHere) fail('other nodes cannot be reached', false, cause);
        });
    });
  }

  /** Another node asks a member. @param answered called with the answers of this node's browsers */
  deliver(channel: string, ask: MemberAsk, answered: (answer: AskAnswer) => void): void {
    const first = (answer: AskAnswer) => {
      if (answer.error === undefined) this.#open.end(ask.id);
      answered(answer);
    };
    this.#open.open(channel, ask, first, () => undefined);
  }

  /** A client has answered. @param text the frame as it came @throws ProtocolError when the answer is refused */
  answered(session: Session, answer: ReceivedAnswer, text: string): void {
    this.#open.answered(session, answer, text);
  }

  /** Ends every ask: nobody answers any more. */
  close(): void {
    this.#open.close();
  }
}
