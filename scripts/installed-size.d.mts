// The types of installed-size.mjs for the tests; the docblocks there have the promises.

export interface InstalledSize {
  /** The bytes of this package, as npm unpacks it. */
  readonly own: number;
  /** The direct dependencies, in the order of package.json. A package that two of them bring is listed at the first. */
  readonly dependencies: readonly {
    readonly name: string;
    readonly brings: readonly string[];
    /** The bytes of the dependency and of the packages that it brings. */
    readonly bytes: number;
  }[];
}

export declare function installedSize(root: string): InstalledSize;
