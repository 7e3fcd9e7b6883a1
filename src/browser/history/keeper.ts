import { ConnectError } from '../connect-error.js';
import { retried } from '../retried.js';
import type { HistoryAnswer, LogPart, Message } from './answer.js';
import { Held, isLater, type Step } from './held.js';
import { isSame, moved, type Position, reaches, textOf } from './position.js';
import { safely } from './safely.js';

/**
 * Why a page has missed events for good. `trimmed`: the log does not reach back to them any more. `restarted`: the log was begun
 * anew. `refused`: the authorizer does not admit the member any more. `unreachable`: the backend could not be asked for
 * `timeoutMs`, or keeps no log of the channel now.
 */
export type GapReason = 'trimmed' | 'restarted' | 'refused' | 'unreachable';

/** The surroundings of a {@link Keeper}. */
export interface KeeperParts {
  /** Whether the channel sends its latest event to everybody who subscribes. */
  readonly isCached: boolean;
  /** Milliseconds for which the backend is asked again; 0 is for ever. */
  readonly timeoutMs: number;
  /** Asks for the events after a position; without one, for the live position. */
  ask(from: Position | undefined, signal: AbortSignal): Promise<HistoryAnswer>;
  /** Hands a message on to the page. */
  hand(message: Message): void;
  /** Tells the page that it has missed events. */
  tellGap(reason: GapReason): void;
  /** Keeps the position for the next load of the page; forgets it where there is none. */
  save(position: Position | undefined): void;
}

/** Milliseconds for which an event that overtook another one waits for it. */
const OVERTAKEN_MS = 1_000;

/**
 * Keeps one channel in the order of its log: hands on every event once, asks the backend for those that the page has missed, holds
 * newer ones meanwhile, and tells of those that cannot be had.
 */
export class Keeper {
  readonly #parts: KeeperParts;
  /** The page has got everything up to it. Unknown where the channel has no log, or the page has not been on it. */
  #handed: Position | undefined;
  /** The live position of this connection, counted on with every event. */
  #heard: Position | undefined;
  /** Where this page came in, as long as it is not open. */
  #from: Position | undefined;
  /** On this connection nothing up to it was handed on, since the page came in there. */
  #floor: Position | undefined;
  readonly #held = new Held();
  /** The logs that the present one goes on from, or has taken the place of. */
  readonly #former = new Set<string>();
  /** The cached event, until it is known whether the page has it. */
  #cached: Message | undefined;
  #isOpen = false;
  /** Whether a live frame must come next. */
  #isExpecting = false;
  #isLive = false;
  #isOver = false;
  #isRefused = false;
  /** Whether a connection was lost before the page's position on it was known. */
  #isUnsure = false;
  /** Whether only the backend knows if the position is still one of its log. */
  #mustAsk = false;
  /** Goes on while the backend is asked. */
  #run: AbortController | undefined;
  /** Ends a time of waiting, for a live frame or for an event that was overtaken. */
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(parts: KeeperParts) {
    this.#parts = parts;
  }

  /** Begins to hand on. @param start where the page left, or came from */
  open(start: Position | undefined): void {
    if (this.#isOver) return;
    this.#isOpen = true;
    this.#handed = start;
    if (this.#isRefused) this.refused();
    else if (start !== undefined) {
      this.#mustAsk = this.#isLive && !isSame(start, this.#from);
      this.#expect();
    } else if (this.#from !== undefined) this.#startAt(this.#from);
    else this.#releaseCached();
    this.#go();
  }

  /** Where the channel was live before the page subscribed to it for the first time. */
  comesIn(position: Position): void {
    if (this.#isLive || this.#handed !== undefined) return;
    if (this.#isOpen) this.#startAt(position);
    else this.#from ??= position;
  }

  /** The channel is subscribed to. If it has a log, a live frame comes now. */
  subscribed(): void {
    this.#isExpecting = !this.#isLive;
    this.#expect();
  }

  /**
   * A live frame.
   *
   * @param follows the position that this one follows without an event that the page should get
   */
  live(position: Position, follows?: Position): void {
    const isFirst = !this.#isLive;
    this.#goesLive();
    if (follows !== undefined && isSame(follows, this.#heard)) {
      this.#step({ before: follows, after: position });
      return;
    }
    this.#heard = position;
    if (this.#handed === undefined && this.#isOpen) this.#startAt(position);
    else this.#from ??= position;
    if (isFirst && reaches(this.#handed, position) && !isSame(this.#handed, position)) this.#mustAsk = true;
    this.#go();
  }

  /** The channel is live, but where is not said: the backend has to be asked. */
  liveSomewhere(): void {
    this.#goesLive();
    this.#mustAsk = true;
    this.#go();
  }

  /** An event of the channel. @param position the position behind it, where it brings that along */
  event(message: Message, position?: Position): void {
    const isLogged = !message.event.startsWith('client-');
    if (position !== undefined) {
      if (!this.#isLive) this.liveSomewhere();
      this.#step({ before: moved(position, -1), after: position, message, isPlaced: true });
    } else if (!this.#isLive) this.#beforeLive(message, isLogged);
    else if (isLogged && this.#heard !== undefined)
      this.#step({ before: this.#heard, after: moved(this.#heard, 1), message });
    else if (this.#isBusy) this.#held.add(message);
    else this.#hand(message);
  }

  /** The connection is lost. The log has the held events too, so they come again. */
  cut(): void {
    this.#run?.abort();
    this.#run = undefined;
    this.#stopWaiting();
    const { before } = this.#held.first ?? {};
    if (this.#isOpen) this.#handed ??= before;
    else this.#from ??= before;
    this.#isUnsure ||= this.#isOpen && this.#isLive && this.#handed === undefined;
    this.#held.clear();
    this.#heard = this.#floor = this.#cached = undefined;
    this.#isLive = this.#isExpecting = this.#mustAsk = false;
  }

  /** The page is not admitted to the channel any more. */
  refused(): void {
    this.#isRefused = !this.#isOpen;
    if (this.#isOpen) this.#loseLog('refused');
  }

  /** The page has left the channel: it hears nothing more of it, and a later subscription starts anew. */
  end(): void {
    this.#isOver = true;
    this.cut();
    this.#parts.save(undefined);
  }

  /** Whether the channel is followed on this connection. */
  get isLive(): boolean {
    return this.#isLive;
  }

  get #isBusy(): boolean {
    return !this.#isOpen || this.#run !== undefined;
  }

  #goesLive(): void {
    this.#stopWaiting();
    this.#isLive = true;
    this.#isExpecting = false;
  }

  /** Waits for the live frame of a channel that had a log before. */
  #expect(): void {
    const { timeoutMs } = this.#parts;
    if (!this.#isExpecting || this.#handed === undefined || timeoutMs === 0) return;
    this.#wait(timeoutMs, () => {
      this.#loseLog('unreachable');
    });
  }

  #wait(ms: number, then: () => void): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      then();
    }, ms);
  }

  #stopWaiting(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** A gateway sends no event between a subscription and the live frame, but the cached one. */
  #beforeLive(message: Message, isLogged: boolean): void {
    if (this.#isExpecting && isLogged) {
      const isKnown = this.#handed !== undefined;
      if (this.#parts.isCached && this.#cached === undefined && (isKnown || !this.#isOpen)) {
        this.#cached = message;
        return;
      }
      if (isKnown) this.#loseLog('unreachable');
    }
    this.#hand(message);
  }

  /** Tells the page, and forgets where it was: from here on it hears what comes, until the next live frame. */
  #loseLog(reason: GapReason): void {
    const isKnown = this.#handed !== undefined;
    const cached = this.#cached;
    this.cut();
    this.#handed = this.#from = undefined;
    this.#isUnsure = false;
    if (isKnown) {
      this.#parts.save(undefined);
      this.#parts.tellGap(reason);
    }
    if (cached !== undefined) this.#hand(cached);
  }

  #releaseCached(): void {
    const cached = this.#cached;
    this.#cached = undefined;
    if (cached !== undefined) this.#hand(cached);
  }

  #startAt(position: Position): void {
    this.#handed = position;
    this.#releaseCached();
    this.#save();
  }

  #step(step: Step): void {
    if (!reaches(this.#heard, step.after)) this.#heard = step.after;
    // The page was told of it, or has it under the log's present name, or gets it with the next question.
    if (this.#former.has(step.after.epoch)) return;
    if (this.#isBusy || !this.#take(step)) this.#held.add(step);
    else this.#drain();
    if (this.#isBusy) return;
    if (this.#held.first === undefined) this.#stopWaiting();
    else if (isLater(step, this.#handed))
      this.#wait(OVERTAKEN_MS, () => {
        this.#go();
      });
    else this.#go();
  }

  /** Takes over the next event of the log, or one that is known. @returns whether it was one of these */
  #take({ before, after, message }: Step): boolean {
    this.#handed ??= before;
    if (isSame(before, this.#handed)) {
      this.#handed = after;
      if (message !== undefined) this.#hand(message);
      if (isSame(after, this.#handed)) this.#save();
      return true;
    }
    if (!reaches(this.#handed, after)) return false;
    const isLate = this.#floor !== undefined && reaches(this.#floor, after);
    if (isLate && message !== undefined) this.#hand(message);
    return true;
  }

  #drain(): void {
    this.#held.drain(
      (step) => this.#take(step),
      (message) => {
        this.#hand(message);
      },
    );
  }

  /** Whether something is missing between a position and what was heard on this connection. */
  #isBehind(position: Position | undefined): boolean {
    const { first } = this.#held;
    if (first !== undefined) return !isSame(first.before, position) && !reaches(position, first.after);
    const heard = this.#heardNow;
    return heard !== undefined && !reaches(position, heard);
  }

  /** The live position, unless it is one of a former log: then a frame with one of the present log is on its way. */
  get #heardNow(): Position | undefined {
    const heard = this.#heard;
    return heard !== undefined && this.#former.has(heard.epoch) ? undefined : heard;
  }

  /** Notes that the present log is another one than before. */
  #leaveLog(from: Position | undefined, position: Position | undefined): void {
    if (from === undefined || from.epoch === position?.epoch) return;
    this.#former.add(from.epoch);
    this.#held.remove(({ after }) => after.epoch === from.epoch);
  }

  #go(): void {
    if (this.#isBusy || !this.#isLive) return;
    this.#stopWaiting();
    void this.#catchUp((this.#run = new AbortController()));
  }

  async #catchUp({ signal }: AbortController): Promise<void> {
    // Each call of the page can end this. A function, because the compiler takes the signal for constant.
    const isOver = () => signal.aborted;
    for (;;) {
      this.#drain();
      if (isOver()) return;
      if (!this.#mustAsk && !this.#isBehind(this.#handed)) break;
      this.#mustAsk = false;
      const from = this.#handed;
      try {
        const answer = await retried(() => this.#ask(from, signal), this.#parts.timeoutMs, signal);
        if (isOver()) return;
        if (from === undefined) this.#comeIn(answer.position);
        else if ('gap' in answer) this.#onGap(answer.gap, answer.position, from);
        // A log only grows, so a shorter one is another one.
        else if (reaches(moved(from, -1), answer.position)) this.#onGap('restarted', answer.position, from);
        else this.#handOn(answer, from, isOver);
      } catch (error) {
        if (isOver()) return;
        const isRefused = error instanceof ConnectError && (error.status === 401 || error.status === 403);
        this.#onGap(isRefused ? 'refused' : 'unreachable');
      }
    }
    this.#cached = undefined;
    this.#run = undefined;
  }

  /** @throws ConnectError also when the backend does not know yet what was heard already */
  async #ask(from: Position | undefined, signal: AbortSignal): Promise<HistoryAnswer> {
    const others = from === undefined ? [] : this.#held.ofOtherLogs(from);
    const answer = await this.#parts.ask(from, signal);
    if (from === undefined || 'gap' in answer) return answer;
    // They were heard before the backend has said that the log is still this one.
    for (const { after } of others) this.#leaveLog(after, answer.position);
    if (!isSame(answer.position, from)) return answer;
    if (answer.complete && !this.#isBehind(from)) return answer;
    const said = `The log ends at ${textOf(from)}, but more of it was heard`;
    throw new ConnectError('BACKEND_FAILED', said, { retryable: true });
  }

  #handOn({ events, position, complete }: LogPart, from: Position, isOver: () => boolean): void {
    for (const event of events) {
      if (reaches(this.#handed, event.position)) continue;
      this.#handed = event.position;
      this.#hand(event.message);
      if (isOver()) break;
    }
    if (!isOver()) {
      this.#handed = position;
      this.#mustAsk ||= !complete;
      this.#leaveLog(from, position);
    }
    this.#save();
  }

  /** The page has known no position, and so begins with what it heard, or where the log is now. */
  #comeIn(position: Position): void {
    const { first } = this.#held;
    this.#floor = first !== undefined && isLater(first, position) ? position : (first?.before ?? position);
    if (this.#isUnsure) this.#parts.tellGap('unreachable');
    this.#isUnsure = false;
    this.#startAt(this.#floor);
    if (!reaches(this.#heard, position)) this.#heard = position;
  }

  /** Tells the page, which goes on with what was heard since it is live. */
  #onGap(reason: GapReason, position?: Position, from = position): void {
    this.#leaveLog(from, position);
    this.#held.remove(({ after }) => reaches(this.#handed, after));
    const next = this.#held.first?.before ?? this.#heardNow ?? position;
    if (next !== undefined && !reaches(this.#handed, next)) this.#handed = next;
    this.#parts.tellGap(reason);
    this.#releaseCached();
    this.#save();
  }

  #save(): void {
    if (!this.#isOver) this.#parts.save(this.#handed);
  }

  #hand(message: Message): void {
    if (this.#isOver) return;
    safely(() => {
      this.#parts.hand(message);
    });
  }
}
