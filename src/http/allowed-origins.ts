const WILDCARD = '//*.';

/** The origins that browsers may connect from. */
export class AllowedOrigins {
  readonly #exact: ReadonlySet<string>;
  readonly #patterns: readonly RegExp[];
  readonly #areAll: boolean;

  /** @param origins as the setting has made them: as browsers write them, some with a wildcard. None allow every origin */
  constructor(origins: readonly string[]) {
    this.#areAll = origins.length === 0;
    this.#exact = new Set(origins.filter((origin) => !origin.includes(WILDCARD)));
    this.#patterns = origins.filter((origin) => origin.includes(WILDCARD)).map(pattern);
  }

  /** Whether a browser may connect from this origin. A client that is no browser sends none, or any that it likes. */
  allow(origin: string | undefined): boolean {
    if (origin === undefined || this.#areAll) return true;
    const written = origin.toLowerCase();
    return this.#exact.has(written) || this.#patterns.some((allowed) => allowed.test(written));
  }
}

/** `https://*.example.com` stands for every host below example.com, at any depth, and not for example.com itself. */
function pattern(origin: string): RegExp {
  const source = origin.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&').replace('\\*\\.', '(?:[a-z0-9_-]+\\.)+');
  return new RegExp(`^${source}$`);
}
