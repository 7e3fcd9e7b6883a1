import { badRequest } from '../../../http/api-error.js';

/** The parts of a request's URL: `<prefix>/apps/<app id>/<resource>?<parameters>`. */
export interface RequestTarget {
  /** The path as it was sent, because the signature covers it in that form. */
  readonly path: string;
  readonly appId: string;
  /** The decoded segments behind the app's id. */
  readonly resource: readonly string[];
  /** The decoded query, with names in lower case as they are signed. */
  readonly parameters: ReadonlyMap<string, string>;
}

/**
 * Reads a URL that begins with `<prefix>/apps/`.
 *
 * @throws ApiError 400 for malformed percent-encoding, and for a parameter that is given twice
 */
export function requestTarget(url: string, prefix: string): RequestTarget {
  const end = url.indexOf('?');
  const path = end === -1 ? url : url.slice(0, end);
  const [appId = '', ...resource] = path.slice(`${prefix}/apps/`.length).split('/').map(decode);
  return { path, appId, resource, parameters: parametersOf(end === -1 ? '' : url.slice(end + 1)) };
}

function parametersOf(query: string): ReadonlyMap<string, string> {
  const parameters = new Map<string, string>();
  for (const pair of query.split('&')) {
    if (pair === '') continue;
    const at = pair.indexOf('=');
    const name = decodeForm(at === -1 ? pair : pair.slice(0, at)).toLowerCase();
    // The signature covers one value only, and it is unknown which of the two.
    if (parameters.has(name)) throw badRequest(`The query parameter ${JSON.stringify(name)} is given twice`);
    parameters.set(name, at === -1 ? '' : decodeForm(pair.slice(at + 1)));
  }
  return parameters;
}

/** Form encoders, which SDKs use for queries, write a space as a plus. */
function decodeForm(text: string): string {
  return decode(text.includes('+') ? text.replaceAll('+', ' ') : text);
}

function decode(text: string): string {
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    throw badRequest(`The URL has malformed percent-encoding: ${JSON.stringify(text)}`);
  }
}
