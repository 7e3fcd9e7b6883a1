import { CODES, ProtocolError } from './codes.js';

/** The supported protocol versions. 7 is the current one; no client uses 1 to 4 any more. Protocol section 3.1. */
const OLDEST_PROTOCOL = 5;
const NEWEST_PROTOCOL = 7;
const VERSION = /^\d+(\.\d+){0,3}(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$/;

/**
 * Checks the URL a client connects with: `/app/<key>?protocol=7&client=js&version=8.6.0`. Unknown query keys are ignored.
 *
 * @param target path and query below the gateway's own prefix
 * @returns the error to answer and close with; `undefined` when the handshake is valid
 */
export function handshakeProblem(target: string, appKey: string): ProtocolError | undefined {
  const [path, query] = splitOnce(target, '?');
  const key = /^\/app\/([^/]+)\/?$/.exec(path)?.[1];
  if (key === undefined) {
    return new ProtocolError(CODES.PATH_NOT_FOUND, 'Path not found: connect to /app/<key>');
  }
  if (decode(key) !== appKey) {
    return new ProtocolError(CODES.APP_NOT_FOUND, 'Application does not exist: no app has this key');
  }
  const parameters = new URLSearchParams(query);
  const version = parameters.get('version');
  if (version !== null && !VERSION.test(version)) {
    return new ProtocolError(CODES.INVALID_VERSION, 'Invalid version string format');
  }
  const protocol = parameters.get('protocol');
  if (protocol === null || protocol === '') {
    return new ProtocolError(CODES.NO_PROTOCOL, 'No protocol version supplied');
  }
  const supported =
    /^\d{1,3}$/.test(protocol) && Number(protocol) >= OLDEST_PROTOCOL && Number(protocol) <= NEWEST_PROTOCOL;
  if (!supported) {
    return new ProtocolError(
      CODES.UNSUPPORTED_PROTOCOL,
      `Unsupported protocol version: ${OLDEST_PROTOCOL} to ${NEWEST_PROTOCOL} are supported`,
    );
  }
  return undefined;
}

/** Whether a client, by the URL it connects with, speaks protocol 5: it expects `pusher:error` with the code before a close. */
export function needsErrorBeforeClose(target: string): boolean {
  return new URLSearchParams(splitOnce(target, '?')[1]).get('protocol') === String(OLDEST_PROTOCOL);
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at === -1 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
