/** The codes of a {@link Refusal}, which a page can tell apart. */
export type RefusalCode =
  | 'NOT_IDENTIFIED'
  | 'CHANNEL_REFUSED'
  | 'INVALID_MEMBER'
  | 'INVALID_SOCKET_ID'
  | 'INVALID_CHANNEL_NAME'
  | 'INVALID_ADDRESS'
  | 'UNREADABLE_BODY'
  | 'INVALID_POSITION'
  | 'INVALID_LIMIT'
  | 'NO_HISTORY'
  | 'HISTORY_UNAVAILABLE';

/** The refusal of a request, or of the caller who made it: by an endpoint, or by an adapter whose browsers ask no endpoint. */
export class Refusal extends Error {
  /**
   * @param status of the HTTP answer
   * @param message goes to the caller
   * @param isLogged whether the log has the reason already @default false
   */
  constructor(
    readonly status: number,
    readonly code: RefusalCode,
    message: string,
    readonly isLogged = false,
  ) {
    super(message);
    this.name = 'Refusal';
  }
}
