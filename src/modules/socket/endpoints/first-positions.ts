import { HistoryRules } from '../../../history/history-rules.js';
import { messageOf } from '../../../ports/errors.js';
import { positionText } from '../../../protocol/position.js';
import type { SocketRuntime } from '../../../runtime/socket-runtime.js';
import { socketLog } from '../socket-log.js';

/**
 * The live positions that pages are told before they subscribe, where the provider itself cannot tell them: everything after them is
 * new to the page, also what is on its way in that moment.
 */
export class FirstPositions {
  readonly #logger = socketLog();
  readonly #runtime: SocketRuntime;
  readonly #rules: HistoryRules;

  constructor(runtime: SocketRuntime) {
    this.#runtime = runtime;
    this.#rules = new HistoryRules(runtime.config);
  }

  /** @returns an empty object where the provider tells it, and where it cannot be known now: then the page asks later */
  async of(channel: string): Promise<{ readonly position?: string }> {
    const { envelopedChannels, history } = this.#runtime;
    if (envelopedChannels === undefined || history === undefined || !this.#rules.covers(channel)) return {};
    try {
      return { position: positionText(await history.head(channel)) };
    } catch (error) {
      this.#logger.debug?.(`The live position of "${channel}" is unknown: ${messageOf(error)}`);
      return {};
    }
  }
}
