// What installed-size.mjs has for the tests, which are TypeScript; the promises are told there.

export interface InstalledSize {
  /** The bytes of this package, as npm unpacks it. */
  readonly own: number;
  /** The direct dependencies, in the order of package.json; what two of them bring is told at the first. */
  readonly dependencies: readonly {
    readonly name: string;
    readonly brings: readonly string[];
    /** Of the dependency and of what it brings. */
    readonly bytes: number;
  }[];
}

export declare function installedSize(root: string): InstalledSize;
